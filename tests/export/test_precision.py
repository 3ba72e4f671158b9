"""Lowered graphs against torch with rounded tensors, and the rules that keep ranges."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from onnx.parser import parse_model
from references.tiny import tiny_model
from torch import nn

from licrt.export.float_model import float_model
from licrt.export.graphs import float_graphs, to_onnx
from licrt.export.precision import emulate, lower
from licrt.export.structure import fold
from licrt.runtime.backends import open_backend
from licrt.runtime.errors import ModelError
from licrt.trainer.layers import GDN

HALVES = {"fp16": (TensorProto.FLOAT16, torch.float16), "bf16": (TensorProto.BFLOAT16, torch.bfloat16)}


def run(graph: bytes, array: np.ndarray) -> np.ndarray:
    return open_backend("cpu", 2).load(graph, "graph").run(array)


def types(model: onnx.ModelProto) -> dict[str, int]:
    """The element type of each tensor."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    found = {item.name: item.data_type for item in graph.initializer}
    return found | {each.name: each.type.tensor_type.elem_type for each in (*graph.value_info, *graph.output)}


def computes_in(model: onnx.ModelProto, operator: str) -> list[int]:
    """The types of what nodes of a kind give, in their order."""
    known = types(model)
    return [known[node.output[0]] for node in model.graph.node if node.op_type == operator]


@pytest.fixture(scope="module")
def network() -> nn.Sequential:
    torch.manual_seed(0)
    first, second, third = nn.Conv2d(3, 16, 5, padding=2), nn.Conv2d(16, 16, 3, padding=1), nn.Conv2d(16, 4, 3)
    return nn.Sequential(first, nn.ReLU(), second, nn.LeakyReLU(), third).eval()


@pytest.mark.parametrize("precision", HALVES)
@torch.no_grad()
def test_emulation_is_torch_with_every_tensor_rounded(network, precision: str) -> None:
    _, kind = HALVES[precision]
    x = torch.rand(1, 3, 24, 40)
    plain = to_onnx(network, 3, 16, "output")
    found = run(emulate(lower(plain, precision).SerializeToString()), x.numpy())
    y, first, last = x, network[0], network[-1]
    for layer in network:
        # In bf16 the first and the last layer stay float32.
        exact = precision == "bf16" and layer in (first, last)
        rounded = (lambda t: t) if exact else (lambda t: t.to(kind).float())
        if isinstance(layer, nn.Conv2d):
            weight, bias = rounded(layer.weight), rounded(layer.bias)
            y = nn.functional.conv2d(rounded(y), weight, bias, padding=layer.padding)
        else:
            y = layer(rounded(y) if not exact else y)
        y = rounded(y)
    # The order of sums decides some roundings.
    step = torch.finfo(kind).eps * y.abs().max().item()
    difference = np.abs(found - y.numpy())
    assert difference.max() <= 2 * step
    assert difference.mean() < 0.1 * step
    assert 0 < np.abs(found - network(x).numpy()).max() < 0.05


@pytest.mark.parametrize("precision", HALVES)
def test_types_change_between_the_edges_only(network, precision: str) -> None:
    half, _ = HALVES[precision]
    plain = to_onnx(network, 3, 16, "output")
    before = plain.SerializeToString()
    lowered = lower(plain, precision)
    assert plain.SerializeToString() == before
    for item in (lowered.graph.input[0], lowered.graph.output[0]):
        assert item.type.tensor_type.elem_type == TensorProto.FLOAT
    edge = TensorProto.FLOAT if precision == "bf16" else half
    assert computes_in(lowered, "Conv") == [edge, half, edge]
    assert computes_in(lowered, "LeakyRelu") == [half]
    assert lower(plain, "fp32") == plain


@torch.no_grad()
def test_squares_and_their_sums_stay_within_range() -> None:
    """|x| goes up to some thousands: x² overflows fp16 a hundredfold, the norm does not."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(8, 8, 1), GDN(8), nn.Conv2d(8, 8, 1), GDN(8, inverse=True)).eval()
    network[0].weight *= 1000
    lowered = lower(to_onnx(fold(network), 8, 16, "output"), "fp16")
    full, half = TensorProto.FLOAT, TensorProto.FLOAT16
    assert computes_in(lowered, "Conv") == [half, full, half, full]
    assert computes_in(lowered, "Sqrt") == [full, full]
    assert computes_in(lowered, "Div") == [half]
    assert computes_in(lowered, "Mul") == [full, full, half]
    x = torch.randn(1, 8, 9, 9)
    assert network[0](x).abs().max() > 1000
    expected = network(x).numpy()
    difference = np.abs(run(emulate(lowered.SerializeToString()), x.numpy()) - expected)
    assert difference.max() < 0.02 * np.abs(expected).max()
    assert difference.mean() < 0.002 * np.abs(expected).mean()


def test_what_is_wide_ends_where_something_ends_it() -> None:
    text = """<ir_version: 9, opset_import: ["": 18]>
    main (float[1, 8] x) => (float[1, 8] y) {
        cubed = Mul(x, x) wide = Mul(cubed, x) mixed = Add(wide, x) narrow = Tanh(mixed) small = Relu(narrow)
        softened = Softplus(small) y = Relu(softened)
    }"""
    lowered = lower(parse_model(text), "fp16")
    full, half = TensorProto.FLOAT, TensorProto.FLOAT16
    assert [computes_in(lowered, kind) for kind in ("Mul", "Add", "Tanh")] == [[full, full], [full], [full]]
    assert computes_in(lowered, "Relu") == [half, half]
    assert computes_in(lowered, "Softplus") == [full]


def test_weights_beyond_the_range_are_refused(network) -> None:
    plain = to_onnx(network, 3, 16, "output")
    for constant in plain.graph.initializer:
        values = onnx.numpy_helper.to_array(constant)
        if values.size > 100:
            constant.CopyFrom(onnx.numpy_helper.from_array(values * np.float32(1e7), constant.name))
    with pytest.raises(
        ModelError, match=r"reach .*e\+0\d, which half precision does not; export with --precision bf16"
    ):
        lower(plain, "fp16")
    lower(plain, "bf16")


@pytest.mark.parametrize("arch", ["cheng2020-anchor", "licrt2026"])
def test_only_sums_of_squares_stay_in_float32(arch: str) -> None:
    """One layer that stays would cast what follows it: the rules must not spread."""
    module, channels = float_graphs(float_model(tiny_model(arch)))["analysis"]
    lowered = lower(to_onnx(module, channels, 8, "output", unit=16), "fp16")
    known = types(lowered)
    layers = [node for node in lowered.graph.node if node.op_type == "Conv"]
    kept = [node for node in layers if known[node.output[0]] == TensorProto.FLOAT]
    assert len(kept) == len(computes_in(lowered, "Sqrt")) < len(layers) / 2
