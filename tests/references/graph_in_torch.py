"""The operators of float-carried graphs in torch: on any device, in any precision, with every tensor to look at."""

from __future__ import annotations

import numpy as np
import torch
from onnx import helper, numpy_helper


def tensors_of(model, feeds, *, device="cpu", dtype=torch.float32, operand=lambda tensor: tensor):
    """Run a graph and return all its tensors by name.

    Args:
        model: an `onnx.ModelProto`.
        feeds: numpy arrays by name of input.
        dtype: what to compute in.
        operand: what an engine makes of the operands of a convolution, such as fewer bits.
    """

    def loaded(array):
        tensor = torch.from_numpy(np.array(array)).to(device)
        return tensor.to(dtype) if tensor.is_floating_point() else tensor

    found = {item.name: loaded(numpy_helper.to_array(item)) for item in model.graph.initializer}
    found |= {name: loaded(array) for name, array in feeds.items()}
    for node in model.graph.node:
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        arguments = [found[name] for name in node.input]
        if node.op_type == "Conv":
            arguments[:2] = [operand(argument) for argument in arguments[:2]]
        found[node.output[0]] = OPERATORS[node.op_type](*arguments, dtype=dtype, **attributes)
    return found


def _pad(x, pads, _, **rest):
    top, left, bottom, right = (pads.tolist()[axis] for axis in (2, 3, 6, 7))
    return torch.nn.functional.pad(x, (left, right, top, bottom))


def _slice(x, starts, ends, axes, steps=None, **rest):
    places = [slice(None)] * x.dim()
    steps = steps.tolist() if steps is not None else [1] * len(axes)
    for start, end, axis, step in zip(starts.tolist(), ends.tolist(), axes.tolist(), steps, strict=True):
        places[axis] = slice(start, end, step)
    return x[tuple(places)].contiguous()


def _depth_to_space(x, blocksize, mode, **rest):
    if mode == b"DCR":
        count, channels, *size = x.shape
        x = x.reshape(count, blocksize**2, channels // blocksize**2, *size).transpose(1, 2).reshape(x.shape)
    return torch.nn.functional.pixel_shuffle(x, blocksize)


def _conv(x, weight, bias, kernel_shape, **rest):
    assert kernel_shape == [1, 1] == list(weight.shape[2:])
    return torch.nn.functional.conv2d(x, weight, bias)


def _cast(x, to, dtype, **rest):
    return x.to({1: dtype, 6: torch.int32}[to])


OPERATORS = {
    "Add": lambda a, b, **rest: a + b,
    "Sub": lambda a, b, **rest: a - b,
    "Mul": lambda a, b, **rest: a * b,
    "Max": lambda a, b, **rest: torch.maximum(a, b),
    "Min": lambda a, b, **rest: torch.minimum(a, b),
    "Floor": lambda a, **rest: torch.floor(a),
    "Clip": lambda a, low, high, **rest: torch.clamp(a, low, high),
    "Concat": lambda *parts, axis, **rest: torch.cat(parts, axis),
    "Gather": lambda table, index, axis, **rest: table[index.long()],
    "Reshape": lambda x, shape, **rest: x.reshape(shape.tolist()),
    "Pad": _pad,
    "Slice": _slice,
    "DepthToSpace": _depth_to_space,
    "Conv": _conv,
    "Cast": _cast,
}
