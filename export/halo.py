"""How far a float network sees: the halo that a tile needs so that its middle is as if it were not cut out.

Each tensor's sample o depends on input samples a·o + low … a·o + high; the triple is pushed through the graph.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import onnx

from licrt.runtime.errors import ModelError

_POINTWISE = {
    "Abs", "Add", "Cast", "Clip", "Div", "Identity", "LeakyRelu", "Mul", "Pow", "Reciprocal", "Relu", "Sigmoid", "Sqrt",
    "Sub",
}  # fmt: skip


class _Reach(NamedTuple):
    step: Fraction
    low: Fraction
    high: Fraction


def halo(model: onnx.ModelProto) -> int:
    """Return the halo of a graph, in samples of its input, on each of the four sides.

    Raises:
        ModelError: the graph has an operator whose reach is not known.
    """
    return max(_halo_along(model, axis) for axis in (0, 1))


def _halo_along(model: onnx.ModelProto, axis: int) -> int:
    reaches = {model.graph.input[0].name: _Reach(Fraction(1), Fraction(0), Fraction(0))}
    for node in model.graph.node:
        inputs = [reaches[name] for name in node.input if name in reaches]
        if inputs:
            reaches[node.output[0]] = _through(node, _union(inputs), model, axis)
    step, low, high = reaches[model.graph.output[0].name]
    return max(math.ceil(-low), math.ceil(high - max(step - 1, Fraction(0))), 0)


def _union(reaches: list[_Reach]) -> _Reach:
    return _Reach(reaches[0].step, min(r.low for r in reaches), max(r.high for r in reaches))


def _through(node: onnx.NodeProto, reach: _Reach, model: onnx.ModelProto, axis: int) -> _Reach:
    step, low, high = reach
    if node.op_type in _POINTWISE:
        return reach
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type in ("Conv", "ConvTranspose") and attributes.get("auto_pad", b"NOTSET") == b"NOTSET":
        taps = next(i.dims[2 + axis] for i in model.graph.initializer if i.name == node.input[1])
        kernel = attributes.get("dilations", [1, 1])[axis] * (taps - 1) + 1
        stride, before = attributes.get("strides", [1, 1])[axis], attributes.get("pads", [0, 0, 0, 0])[axis]
        if node.op_type == "Conv":
            return _Reach(step * stride, low - step * before, high + step * (kernel - 1 - before))
        low += step * Fraction(before - kernel + 1, stride)
        return _Reach(step / stride, low, high + step * Fraction(before, stride))
    if node.op_type == "DepthToSpace":
        block = attributes["blocksize"]
        return _Reach(step / block, low - step * Fraction(block - 1, block), high)
    raise ModelError(f"cannot tell how far the operator {node.op_type} sees; use convolutions and activations instead")
