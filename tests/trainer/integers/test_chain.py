"""Networks as chains of layers, however they are written."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from licrt.runtime.errors import ModelError
from licrt.trainer.integers.chain import layers_of
from licrt.trainer.integers.layers import steps
from licrt.trainer.layers import Attention, ResidualBlock


class Written(nn.Module):
    """A network with a forward, functions and nesting."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(4, 4, 5, 2, 2, 1)
        self.rest = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(inplace=True))
        self.wide = nn.Conv2d(4, 16, 3, padding=1)
        self.last = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.leaky_relu(self.up(x), 0.01, inplace=True)
        x = F.pixel_shuffle(self.wide(self.rest(x)), 2).relu()
        return self.last(F.interpolate(x, scale_factor=2, mode="nearest").contiguous())


def test_functions_and_methods_are_layers() -> None:
    found = [(path, type(layer).__name__) for path, layer in layers_of(nn.Sequential(Written(), nn.Tanh()), "h_s")]
    assert found == [
        ("h_s.0.up", "ConvTranspose2d"), ("h_s.0", "LeakyReLU"), ("h_s.0.rest.0", "Conv2d"), ("h_s.0.rest.1", "ReLU"),
        ("h_s.0.wide", "Conv2d"), ("h_s.0", "PixelShuffle"), ("h_s.0", "ReLU"), ("h_s.0", "Upsample"),
        ("h_s.0", "Identity"), ("h_s.0.last", "Conv2d"), ("h_s.1", "Tanh"),
    ]  # fmt: skip


def test_the_layers_one_after_the_other_are_the_network() -> None:
    network, x = Written().eval(), torch.randn(1, 4, 3, 5)
    y = x
    for _, layer in layers_of(network, "h_s"):
        y = layer(y)
    assert torch.equal(y, network(x))
    assert [(s.name, s.upscale, s.activation, s.repeat) for s in steps(network, "h_s")] == [
        ("h_s.up", 1, "leaky_relu", 1), ("h_s.rest.0", 1, "relu", 1), ("h_s.wide", 2, "relu", 1),
        ("h_s.last", 1, "none", 2),
    ]  # fmt: skip


def network(forward) -> nn.Module:
    """Two convolutions `a` and `b`, and what is done with them."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)

        def forward(self, x):
            return forward(self, x)

    return Net()


def in_place(net, x):
    y = net.a(x)
    F.relu_(y)
    return net.b(y)


@pytest.mark.parametrize(
    ("forward", "complaint"),
    [
        (lambda n, x: n.b(n.a(x)) + x, r"h_s\.1 \(Net\): a sum .* leave the shortcut of a residual block out"),
        (lambda n, x: n.a(x) * torch.sigmoid(n.b(x)), r"h_s\.1 \(Net\): a product .* leave gates and attention out"),
        (lambda n, x: torch.cat([n.a(x), n.b(x)], 1), r"h_s\.1 \(Net\): cat of what several layers give"),
        (lambda n, x: (n.a(x), n.b(x)), "it gives several tensors; expected one, scales and means side by side"),
        (lambda n, x: torch.exp(n.b(n.a(x))), r"h_s\.1: exp cannot become integers\. Expected convolutions"),
        (lambda n, x: n.b(n.a(x))[..., :-1], r"h_s\.1: getitem cannot"),
        (lambda n, x: n.b(n.a(x) if x.sum() > 0 else x), r"h_s: cannot follow its forward \(.*control flow"),
        (lambda n, x: F.conv2d(x, n.a.weight), r"conv2d of what several layers give"),
        (in_place, r"h_s\.1.*read more than once, or never"),
    ],
)
def test_what_is_no_chain_is_named(forward, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        layers_of(nn.Sequential(nn.Conv2d(4, 4, 1), network(forward)), "h_s")


def test_the_place_of_a_block_is_named() -> None:
    for block, place in ((ResidualBlock(4), r"h_s\.1 \(ResidualBlock\)"), (Attention(4), r"h_s\.1\.conv_a\.0")):
        with pytest.raises(ModelError, match=f"^{place}.*: a sum"):
            layers_of(nn.Sequential(nn.Conv2d(4, 4, 1), block), "h_s")
