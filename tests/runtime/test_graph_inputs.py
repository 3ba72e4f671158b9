"""Inputs of graphs, as the onnx package finds them; and of bytes that are none."""

from __future__ import annotations

import random

import onnx
import pytest
from onnx import TensorProto, helper

from conformance.observe import MODELS
from licrt.runtime.errors import ModelError
from licrt.runtime.graph import check_graph
from licrt.runtime.graph_inputs import Input, graph_inputs

FLOAT = TensorProto.FLOAT


def model(*inputs: onnx.ValueInfoProto, constants: tuple[onnx.TensorProto, ...] = ()) -> bytes:
    graph = helper.make_graph([], "graph", inputs, [], constants)
    return helper.make_model(graph).SerializeToString()


@pytest.mark.parametrize("path", sorted(MODELS.glob("*/*.onnx")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_inputs_are_those_that_onnx_finds(path) -> None:
    graph = onnx.load(path).graph
    expected = tuple(
        Input(each.name, tuple(size.dim_value or None for size in each.type.tensor_type.shape.dim))
        for each in graph.input
    )
    assert graph_inputs(path.read_bytes(), "it") == expected


def test_several_inputs_scalars_and_constants() -> None:
    inputs = (
        helper.make_tensor_value_info("größe", FLOAT, [1, "height", 3]),
        helper.make_tensor_value_info("weight", FLOAT, [2]),
        helper.make_tensor_value_info("scalar", TensorProto.UINT8, []),
        helper.make_tensor_value_info("unknown", FLOAT, [None, 0, -1]),
    )
    constant = helper.make_tensor("weight", FLOAT, [2], [1.0, 2.0])
    assert graph_inputs(model(*inputs, constants=(constant,)), "it") == (
        Input("größe", (1, None, 3)),
        Input("scalar", ()),
        Input("unknown", (None, None, None)),
    )


@pytest.mark.parametrize("data", [b"", b"\x3a", b"nonsense", model(helper.make_tensor_value_info("x", FLOAT, None))])
def test_others_are_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match=r"^it "):
        graph_inputs(data, "it")


def test_changed_graphs_give_inputs_or_an_error() -> None:
    """Whatever `check_graph` lets through."""
    chance = random.Random(1)
    data = bytearray(model(helper.make_tensor_value_info("x", FLOAT, [1, "height", 3])))
    passed = 0
    for _ in range(20_000):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(data))] = chance.randrange(256)
        try:
            check_graph(bytes(changed), "it")
            for each in graph_inputs(bytes(changed), "it"):
                assert all(size is None or size > 0 for size in each.shape)
            passed += 1
        except ModelError:
            continue
    assert passed > 1000
