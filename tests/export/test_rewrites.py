from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from licrt.export.graphs import to_onnx
from licrt.export.rewrites import by_phase
from licrt.export.structure import fold
from licrt.runtime.backends import open_backend
from licrt.trainer.layers import GDN, Attention, ResidualBottleneck, subpixel_convolution, transposed_convolution
from licrt.trainer.models import BLS2017, MBT2018Mean


def gdn_synthesis() -> nn.Sequential:
    torch.manual_seed(0)
    return MBT2018Mean(16, 24).g_s


def elic_synthesis() -> nn.Sequential:
    """Layers of ELIC's synthesis in its order, fewer of each."""
    torch.manual_seed(0)
    return nn.Sequential(
        Attention(24), transposed_convolution(24, 16), ResidualBottleneck(16), transposed_convolution(16, 16),
        Attention(16), ResidualBottleneck(16), transposed_convolution(16, 3),
    )  # fmt: skip


def factorised_synthesis() -> nn.Sequential:
    torch.manual_seed(0)
    return BLS2017(24, 24).g_s


def odd_strides() -> nn.Sequential:
    torch.manual_seed(0)
    last = nn.ConvTranspose2d(16, 3, 6, 3, 2, 1)
    return nn.Sequential(nn.ConvTranspose2d(24, 16, 9, 4, 4, 3), GDN(16, inverse=True), last)


def parallel() -> nn.Module:
    """Two branches of unlike phases; each must be whole where they meet."""

    class Parallel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide = nn.ConvTranspose2d(24, 16, 8, 4, 2)
            self.narrow = nn.Sequential(transposed_convolution(24, 16), nn.ReLU(), transposed_convolution(16, 16))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.wide(x) * 2) + torch.relu(self.narrow(x)) * torch.ones(16, 1, 1)

    torch.manual_seed(0)
    return Parallel()


def run(model: onnx.ModelProto, array: np.ndarray) -> np.ndarray:
    return open_backend("cpu", 1).load(model.SerializeToString(), "graph").run(array)


@pytest.mark.parametrize("network", [gdn_synthesis, elic_synthesis, factorised_synthesis, odd_strides, parallel])
def test_the_rewritten_graph_is_the_module(network) -> None:
    module = fold(network().eval())
    stock = to_onnx(module, 24, 16, "picture")
    before = stock.SerializeToString()
    rewritten = by_phase(stock)
    assert stock.SerializeToString() == before
    assert len(rewritten.graph.node) > len(stock.graph.node)
    for size in ((1, 1), (1, 5), (6, 3), (7, 9)):
        array = np.random.default_rng(1).normal(0, 5, (1, 24, *size)).astype(np.float32)
        with torch.inference_mode():
            expected = module(torch.from_numpy(array)).numpy()
        for reference in (expected, run(stock, array)):
            error = np.abs(run(rewritten, array) - reference).max() / np.abs(reference).max()
            assert error <= 1e-5


def test_what_follows_runs_on_phases() -> None:
    """GDN once for each phase, the last layer on phases as they are, and no transposed convolution left."""
    graph = by_phase(to_onnx(fold(gdn_synthesis().eval()), 24, 16, "picture")).graph
    kinds = Counter(node.op_type for node in graph.node)
    assert kinds["ConvTranspose"] == 0
    assert kinds["Conv"] == 3 * (4 + 4) + 4
    assert kinds["Sqrt"] == 12
    assert kinds["Concat"] == 2 * 3
    assert kinds["DepthToSpace"] == 1
    last = next(node for node in graph.node if node.output[0] == graph.output[0].name)
    assert last.op_type == "DepthToSpace"


def test_what_is_read_as_a_whole_is_put_together_once() -> None:
    """A bottleneck reads its input twice, once beside a tensor that is whole: neither read is by phase."""
    graph = to_onnx(elic_synthesis().eval(), 24, 16, "picture")
    stock, kinds = (Counter(node.op_type for node in model.graph.node) for model in (graph, by_phase(graph)))
    assert kinds["Conv"] == stock["Conv"] + 2 * 4
    assert kinds["Relu"] == stock["Relu"]
    assert kinds["ConvTranspose"] == 1  # few outputs, whole input
    assert kinds["Concat"] == 2 * 3


def test_other_layers_stay_as_they_are() -> None:
    module = nn.Sequential(
        nn.Conv2d(8, 16, 3, 2, 1),
        nn.ConvTranspose2d(16, 16, 5, 2, 2, 0),  # gives 2 n - 1
        nn.ConvTranspose2d(16, 16, 3, 1, 1),
        nn.ConvTranspose2d(16, 16, 5, 2, 2, 1, groups=2),
        nn.ConvTranspose2d(16, 16, 3, 2, 2, 1, dilation=2),
        nn.ConvTranspose2d(16, 16, (5, 3), (2, 1), (2, 1), (1, 0)),
        subpixel_convolution(16, 16),
        nn.ConvTranspose2d(16, 3, 5, 2, 2, 1),  # few outputs, and its input is whole
    )
    stock = to_onnx(module.eval(), 8, 16, "picture")
    assert [node.op_type for node in by_phase(stock).graph.node] == [node.op_type for node in stock.graph.node]


def test_a_constant_that_varies_over_positions_is_not_split() -> None:
    torch.manual_seed(0)
    model = to_onnx(transposed_convolution(4, 16), 4, 16, "whole")
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.arange(8, dtype=np.float32), "column"))
    model.graph.node.append(onnx.helper.make_node("Mul", ["whole", "column"], ["picture"]))
    model.graph.output[0].name = "picture"
    array = np.random.default_rng(0).normal(size=(1, 4, 3, 4)).astype(np.float32)
    np.testing.assert_allclose(run(by_phase(model), array), run(model, array), rtol=1e-5, atol=1e-5)


def test_the_same_bytes_every_time() -> None:
    first, second = (
        by_phase(to_onnx(fold(gdn_synthesis().eval()), 24, 16, "picture")).SerializeToString(deterministic=True)
        for _ in range(2)
    )
    assert first == second
