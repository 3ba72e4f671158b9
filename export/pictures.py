"""8-bit pictures at the edges of float graphs: conversion and rounding become part of the graph.

An engine then moves a quarter of the bytes, and nothing is left to do on the CPU but to cut tiles. The arithmetic is
that of `licrt.runtime.pixels`, operator by operator, in float32 whatever the precision of the layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence


def takes_bytes(model: onnx.ModelProto) -> None:
    """Give an analysis an input uint8 `[1, height, width, 3]` instead of float32 `[1, 3, height, width]` in 0…1.

    Args:
        model: the graph; changed in place.
    """
    graph, planes = model.graph, "input/planes"
    for node in graph.node:
        node.input[:] = [planes if name == "input" else name for name in node.input]
    before = [
        _node("Cast", ["input"], "input/float", to=TensorProto.FLOAT),
        _node("Transpose", ["input/float"], "input/levels", perm=[0, 3, 1, 2]),
        _node("Div", ["input/levels", "input/most"], planes),
    ]
    graph.initializer.append(numpy_helper.from_array(np.float32(255), "input/most"))
    nodes = [*before, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info("input", TensorProto.UINT8, [1, "height", "width", 3]))


def gives_bytes(model: onnx.ModelProto) -> None:
    """Give a synthesis an output uint8 `[1, height, width, 3]`: scaled, rounded to even at ties, clipped.

    Args:
        model: the graph; changed in place.
    """
    graph = model.graph
    name = graph.output[0].name
    planes = f"{name}/planes"
    for node in graph.node:
        node.output[:] = [planes if each == name else each for each in node.output]
        node.input[:] = [planes if each == name else each for each in node.input]
    graph.node.extend(
        [
            _node("Mul", [planes, f"{name}/most"], f"{name}/scaled"),
            _node("Round", [f"{name}/scaled"], f"{name}/rounded"),
            _node("Clip", [f"{name}/rounded", f"{name}/least", f"{name}/most"], f"{name}/levels"),
            _node("Transpose", [f"{name}/levels"], f"{name}/pixels", perm=[0, 2, 3, 1]),
            helper.make_node("Cast", [f"{name}/pixels"], [name], f"{name}/bytes", to=TensorProto.UINT8),
        ]
    )
    for value, which in ((0, "least"), (255, "most")):
        graph.initializer.append(numpy_helper.from_array(np.float32(value), f"{name}/{which}"))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(name, TensorProto.UINT8, [1, "height", "width", 3]))


def fix_size(model: onnx.ModelProto, height: int, width: int, first: int) -> None:
    """Fix the height and width of a graph's input, in place; those of its output follow.

    Args:
        model: the graph.
        height, width: in samples of its input.
        first: which axis of its input is the height; the next one is the width.
    """
    graph = model.graph
    sides = graph.input[0].type.tensor_type.shape.dim[first : first + 2]
    for dim, side in zip(sides, (height, width), strict=True):
        dim.dim_value = side
    for dim in graph.output[0].type.tensor_type.shape.dim:
        dim.ClearField("dim_param")
    del graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    graph.output[0].CopyFrom(inferred.graph.output[0])


def _node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, [output], output, **attributes)
