from __future__ import annotations

import numpy as np
import onnxruntime
from onnx import TensorProto, numpy_helper
from onnx.parser import parse_model

from licrt.export.half import store_exactly
from licrt.runtime.graph import check_graph


def weights(exact: bool) -> np.ndarray:
    values = np.random.default_rng(1).normal(size=(8, 4, 5, 5)).astype(np.float32)
    return values.astype(np.float16).astype(np.float32) if exact else values


def test_the_numbers_stay_and_take_half_of_the_bytes() -> None:
    outputs, sizes = [], []
    x = np.random.default_rng(2).normal(size=(1, 4, 9, 9)).astype(np.float32)
    for stored in (False, True):
        model = parse_model(
            '<ir_version: 8, opset_import: ["": 18]> main (float[1,4,9,9] x) => (float[1,8,5,5] y) { y = Conv(x, w) }'
        )
        model.graph.initializer.append(numpy_helper.from_array(weights(exact=True), "w"))
        if stored:
            store_exactly(model)
        data = model.SerializeToString()
        check_graph(data, "the graph")
        sizes.append(len(data))
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        outputs.append(session.run(None, {"x": x})[0])
    assert np.array_equal(*outputs)
    assert sizes[1] < 0.6 * sizes[0]


def test_others_are_left_alone() -> None:
    """Numbers that need more bits, are beyond halves, are few, or are no floats."""
    model = parse_model('<ir_version: 8, opset_import: ["": 18]> main (float[1] x) => (float[1] y) { y = Identity(x) }')
    large = np.full(1000, 1e6, np.float32)
    few, whole = np.ones(8, np.float32), np.ones(1000, np.int64)
    for name, values in (("inexact", weights(exact=False)), ("large", large), ("few", few), ("whole", whole)):
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    before = model.SerializeToString()
    store_exactly(model)
    assert model.SerializeToString() == before
    assert TensorProto.FLOAT16 not in {constant.data_type for constant in model.graph.initializer}
