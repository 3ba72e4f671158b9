"""Operators that float graphs of one's own have: exported exactly, cut into tiles rightly, or refused by name."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from licrt.export.check import check_tile, graph_error
from licrt.export.graphs import to_onnx
from licrt.export.halo import halo
from licrt.export.rewrites import by_phase
from licrt.export.structure import fold
from licrt.runtime.errors import ModelError


class Does(nn.Module):
    """A layer that does what a function does."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


class LayerNorm(nn.LayerNorm):
    """Over the channels, as ConvNeXt has it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNext(nn.Module):
    """Depthwise 7x7, normalisation, linear layers, a learnt scale, and the identity beside."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.window = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.rest = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))
        self.scale = nn.Parameter(torch.rand(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.scale * self.rest(self.norm(self.window(x).permute(0, 2, 3, 1)))
        return x + y.permute(0, 3, 1, 2)


def trained_norm() -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(8)
    norm.running_mean = torch.randn(8)
    norm.running_var = torch.rand(8) + 0.5
    return norm


def gate(x: torch.Tensor) -> torch.Tensor:
    a, b = x.chunk(2, 1)
    return torch.cat([a * torch.sigmoid(b), b.index_select(1, torch.tensor([2, 0, 1, 3]))], 1)


ACTIVATIONS = [
    nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.PReLU(8), nn.PReLU(), nn.Tanh(), nn.ELU(), nn.Hardswish(),
    nn.Hardsigmoid(), nn.Softplus(), nn.Mish(), nn.ReLU6(), nn.CELU(), nn.SELU(), nn.Softsign(), nn.LogSigmoid(),
    nn.Hardtanh(), nn.LeakyReLU(0.2), Does(lambda x: torch.where(x > 0, x, 0.1 * x)),
    Does(lambda x: torch.rsqrt(x * x + 1)), Does(lambda x: x.clamp(-1, 2)), nn.Dropout(0.5),
]  # fmt: skip

# Layers of 8 channels, and how many samples of the input an output sample needs on a side.
KEPT = {
    "batch normalisation": (trained_norm(), 0),
    "layer normalisation": (LayerNorm(8), 0),
    "normalisation by hand": (Does(lambda x: x / torch.sqrt(x.pow(2).mean(1, keepdim=True) + 1e-6)), 0),
    "normalise": (Does(lambda x: F.normalize(x, dim=1)), 0),
    "softmax over channels": (nn.Softmax(1), 0),
    "split, choose, concatenate": (Does(gate), 0),
    "ConvNeXt": (ConvNext(8), 3),
    "grouped": (nn.Conv2d(8, 8, 5, padding=2, groups=4), 2),
    "same, even kernel": (nn.Conv2d(8, 8, 4, padding="same"), 2),
    "reflected": (nn.Conv2d(8, 8, 5, padding=2, padding_mode="reflect"), 2),
    "replicated": (nn.Conv2d(8, 8, 5, padding=2, padding_mode="replicate"), 2),
    "padded unevenly": (nn.Sequential(nn.ZeroPad2d((0, 3, 1, 2)), nn.Conv2d(8, 8, 4)), 3),
    "largest": (nn.MaxPool2d(3, 1, 1), 1),
    "shifted": (Does(lambda x: x - F.pad(x, (2, 0, 1, 0))[:, :, :-1, :-2]), 2),
    "cropped": (Does(lambda x: F.conv2d(x, torch.ones(8, 8, 3, 3), padding=2)[:, :, 2:, 2:]), 2),
}
ENLARGED = {
    "nearest": (nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(8, 8, 3, padding=1)), 1),
    "three times": (nn.Upsample(scale_factor=3), 0),
    "bilinear": (nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(8, 8, 3, padding=1)), 1),
    "bicubic": (nn.Upsample(scale_factor=2, mode="bicubic"), 2),
    "kernel 4": (nn.ConvTranspose2d(8, 24, 4, 2, 1), 1),
    "kernel 2": (nn.ConvTranspose2d(8, 24, 2, 2, bias=False), 0),
    "kernel 4, activation": (nn.Sequential(nn.ConvTranspose2d(8, 24, 4, 2, 1), nn.GELU(), nn.PReLU(24)), 1),
}
REDUCED = {
    "average": (nn.AvgPool2d(2), 0),
    "average, rounded up": (nn.AvgPool2d(3, 2, 1, ceil_mode=True), 1),
    "largest": (nn.MaxPool2d(3, 2, 1), 1),
    "unshuffled": (nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(32, 8, 1)), 0),
    "every second": (Does(lambda x: torch.cat([x[:, :, ::2, ::2], x[:, :, 1::2, 1::2]], 1)), 0),
    "bilinear": (Does(lambda x: F.interpolate(x, scale_factor=0.5, mode="bilinear")), 0),
    "patches": (nn.Conv2d(8, 8, 2, 2), 0),
    "kernel 4": (nn.Conv2d(8, 8, 4, 2, 1), 1),
}
CASES = [
    *(pytest.param(*case, 1, 1, id=name) for name, case in KEPT.items()),
    *(pytest.param(*case, 1, 3 if "three" in name else 2, id=f"enlarged {name}") for name, case in ENLARGED.items()),
    *(pytest.param(*case, 2, 1, id=f"reduced {name}") for name, case in REDUCED.items()),
]


def example(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, (1, 8, height, width)).astype(np.float32)


@pytest.mark.parametrize(("layer", "needed", "unit", "outputs"), CASES)
def test_operators_export_exactly_and_run_on_tiles(layer: nn.Module, needed: int, unit: int, outputs: int) -> None:
    """The halo is what is needed, one more where an operator's phases differ (resampling of all kinds)."""
    module = fold(layer.eval())
    graph = to_onnx(module, 8, 16, "output", unit=unit)
    data = by_phase(graph).SerializeToString()
    arrays = [example(height * unit, width * unit) for height, width in ((9, 14), (4, 3), (16, 32))]
    assert graph_error(module, data, arrays, "graph") <= 1e-5
    found = halo(graph)
    assert needed <= found <= needed + (outputs > 1 or unit > 1)
    check_tile(data, found, example(64, 64), (unit, outputs), "graph")
    if needed:
        with pytest.raises(ModelError, match="a tile differs from the whole"):
            check_tile(data, needed - 1 if unit == 1 else 0, example(64, 64), (unit, outputs), "graph")


class Sum(nn.Module):
    """Every activation of the same input, added up."""

    def __init__(self, first: nn.Module) -> None:
        super().__init__()
        self.first, self.next, self.layers = first, nn.Conv2d(16, 8, 1), nn.ModuleList(ACTIVATIONS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = x = self.next(self.first(x))
        for layer in self.layers:
            total = total + layer(x)
        return total


@pytest.mark.parametrize(
    ("first", "reach", "phases"), [(nn.Conv2d(8, 16, 1), 0, 1), (nn.ConvTranspose2d(8, 16, 4, 2, 1), 1, 4)]
)
def test_pointwise_activations_see_one_position(first: nn.Module, reach: int, phases: int) -> None:
    """All in one network; behind a layer that enlarges, they run phase by phase."""
    torch.manual_seed(0)
    module = Sum(first).eval()
    graph = to_onnx(module, 8, 16, "output")
    rewritten = by_phase(graph)
    assert halo(graph) == reach
    assert graph_error(module, rewritten.SerializeToString(), [example(5, 7)], "graph") <= 1e-5
    counts = Counter(node.op_type for node in rewritten.graph.node)
    assert {counts[kind] for kind in ("Mish", "Celu", "HardSwish", "Log")} == {phases}


class Windows(nn.Module):
    """Attention in windows of 4x4."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, channels, height, width = x.shape
        y = x.view(batch, channels, height // 4, 4, width // 4, 4).permute(0, 2, 4, 3, 5, 1).reshape(-1, 16, channels)
        y = F.softmax(y @ y.transpose(1, 2), -1) @ y
        return y.view(batch, height // 4, width // 4, 4, 4, channels).permute(0, 5, 1, 3, 2, 4).reshape(x.shape)


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [
        (nn.AdaptiveAvgPool2d(1), r"g_s\.1 \(AdaptiveAvgPool2d\) cannot run on tiles .*sees the whole picture"),
        (
            Does(lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True))),
            r"g_s\.1 \(Does\).*ReduceMean sees the whole",
        ),
        (nn.InstanceNorm2d(8), r"g_s\.1 \(InstanceNorm2d\).*sees the whole picture"),
        (nn.GroupNorm(2, 8), r"g_s\.1 \(GroupNorm\).*Reshape rearranges positions"),
        (nn.Softmax(3), r"g_s\.1 \(Softmax\).*sees the whole picture"),
        (Windows(), r"g_s\.1 \(Windows\).*Reshape rearranges positions.*Use convolutions"),
        (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), r"g_s\.1 \(Upsample\).*align_corners=False"),
        (Does(lambda x: x + torch.arange(x.shape[3])), r"g_s\.1 .*computes with the size or the places"),
        (
            nn.Upsample(scale_factor=2, mode="nearest-exact"),
            r"g_s\.1 \(Upsample\).*computes with the size or the places",
        ),
        (Does(lambda x: x.flip(3)), r"g_s\.1 .*Slice cuts from the far end"),
        (Does(lambda x: x.roll(1, 3)), r"g_s\.1 .*Slice has starts that depend on the size"),
        (Does(lambda x: torch.einsum("bchw,bdhw->bcdh", x, x)[:, :, :, :, None][:, 0]), r"g_s\.1 .*Einsum rearranges"),
        (Does(lambda x: x.transpose(2, 3)), "g_s does not give"),
    ],
)
def test_what_cannot_be_cut_into_tiles_is_named(layer: nn.Module, complaint: str) -> None:
    module = fold(nn.Sequential(nn.Conv2d(8, 8, 1), layer).eval())
    with pytest.raises(ModelError, match=complaint):
        halo(to_onnx(module, 8, 16, "output", "g_s", unit=4), "g_s", module)


class Positions(nn.Module):
    """A learnt number for each position, which fixes the size."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(1, 8, 16, 32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.positions


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [
        (Positions(), "g_a cannot become an ONNX graph of any height and width: .*"),
        (Does(lambda x: x if x.sum() > 0 else -x), "g_a cannot become .* do not branch on values"),
        (Does(lambda x: (x, x)), "g_a gives 2 tensors; expected one"),
        (
            Does(lambda x: torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,))),
            "g_a has a node with a graph; expected constants and standard operators alone",
        ),
    ],
)
def test_what_has_no_graph_is_said_in_one_line(layer: nn.Module, complaint: str, capfd) -> None:
    with pytest.raises(ModelError, match=complaint) as raised:
        to_onnx(layer, 8, 16, "output", "g_a")
    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_a_halo_that_is_too_small_is_noticed() -> None:
    graph = to_onnx(nn.Conv2d(8, 8, 7, padding=3), 8, 16, "output").SerializeToString()
    check_tile(graph, 3, example(16, 16), (1, 1), "graph")
    with pytest.raises(ModelError, match="sees further than 2 samples"):
        check_tile(graph, 2, example(16, 16), (1, 1), "graph")
