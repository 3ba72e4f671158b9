"""Weights that fit into half precision are stored so: half the bytes, the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    import onnx

_WORTHWHILE = 256  # numbers; below, the cast takes as many bytes as it saves


def store_exactly(model: onnx.ModelProto) -> None:
    """Store float32 constants as float16 with a cast behind, in place, wherever that changes no bit of them.

    Inference engines fold such casts when they load a graph, and compute in float32 as before.

    Args:
        model: a graph whose constants are initialisers.

    >>> from onnx.parser import parse_model
    >>> model = parse_model('''<ir_version: 8, opset_import: ["": 18]>
    ...     main (float[256] x) => (float[256] y) { y = Add(x, w) }''')
    >>> _ = model.graph.initializer.append(numpy_helper.from_array(np.full(256, 0.5, np.float32), "w"))
    >>> store_exactly(model)
    >>> [node.op_type for node in model.graph.node], numpy_helper.to_array(model.graph.initializer[0]).dtype
    (['Cast', 'Add'], dtype('float16'))
    """
    graph, casts = model.graph, []
    for constant in graph.initializer:
        if constant.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(constant)
        with np.errstate(over="ignore"):  # infinity differs, which is what counts
            halves = values.astype(np.float16)
        if values.size < _WORTHWHILE or not np.array_equal(halves.astype(np.float32), values):
            continue
        name = constant.name
        constant.CopyFrom(numpy_helper.from_array(halves, f"{name}/half"))
        casts.append(helper.make_node("Cast", [f"{name}/half"], [name], f"{name}/cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
