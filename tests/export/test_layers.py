"""Reading the layers of PyTorch modules, and naming those that cannot become integers."""

import pytest
import torch
from torch import nn

from licrt.export.layers import float_layer, steps
from licrt.runtime.errors import ModelError
from licrt.trainer.layers import MaskedConvolution, causal_mask


def conv(inputs: int = 2, outputs: int = 2, **options) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, **options)


def test_layers_come_in_order_with_what_follows_them() -> None:
    network = nn.Sequential(
        conv(),
        nn.LeakyReLU(),
        nn.Sequential(conv(2, 8), nn.PixelShuffle(2)),
        nn.ReLU(),
        nn.ConvTranspose2d(2, 4, 5),
        nn.Identity(),
    )
    found = [(step.name, step.upscale, step.activation) for step in steps(network, "h_s")]
    assert found == [("h_s.0", 1, "leaky_relu"), ("h_s.2.0", 2, "relu"), ("h_s.4", 1, "none")]


@pytest.mark.parametrize(
    ("network", "complaint"),
    [
        (nn.Sequential(conv(), nn.Sigmoid()), r"h_s\.1: Sigmoid cannot become integers.*ReLU"),
        (nn.Sequential(conv(groups=2)), r"h_s\.0.*without groups"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, dilation=2)), r"h_s\.0.*dilation"),
        (nn.ModuleList([conv()]), r"h_s: ModuleList cannot become integers"),
        (nn.Sequential(conv(), nn.LeakyReLU(0.2)), r"h_s\.1: leaky ReLU has slope 0\.2; expected 0\.01"),
        (nn.Sequential(conv(2, 50), nn.PixelShuffle(5)), r"h_s\.1: a pixel shuffle by 5"),
        (nn.Sequential(nn.ConvTranspose2d(2, 8, 3), nn.PixelShuffle(2)), "after ConvTranspose2d"),
        (nn.Sequential(nn.ReLU(), conv()), r"h_s\.0: ReLU cannot"),
        (nn.Sequential(conv(), nn.ReLU(), nn.PixelShuffle(2)), r"h_s\.2: PixelShuffle cannot"),
        (nn.Sequential(), "h_s has no layers"),
    ],
)
def test_what_cannot_become_integers_is_named(network: nn.Module, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        steps(network, "h_s")


def test_weights_under_a_mask_count_as_zero() -> None:
    layer = MaskedConvolution(2, 3, causal_mask(5))
    (step,) = steps(layer, "context")
    assert layer.weight[:, :, 4, 4].abs().min() > 0
    described = float_layer(step, torch.zeros(3), torch.ones(3))
    assert not described.weight[:, :, 3:].any()
    assert described.weight[:, :, :2].any()
