"""Context models that a user describes."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from references.custom import mean_scale
from references.tiny_photo import photo
from torch import nn

from licrt.export import ContextGroup, Parts, export_bundle, float_path
from licrt.export.bundle import Labels
from licrt.export.calibration import to_tensor
from licrt.export.context_groups import checked_groups
from licrt.export.float_model import float_model
from licrt.runtime import Codec
from licrt.runtime.errors import ModelError
from licrt.trainer.layers import MaskedConvolution, ResidualBlock, causal_mask, checkerboard_mask

FEATURES = 10


class Masked(nn.Conv2d):
    """Somebody else's masked convolution."""

    def __init__(self, inputs: int, outputs: int, mask: torch.Tensor, **options) -> None:
        super().__init__(inputs, outputs, mask.shape[0], padding=mask.shape[0] // 2, **options)
        self.register_buffer("mask", mask.expand_as(self.weight).clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.weight.data = self.weight.data * self.mask
        return super().forward(x)


def parameters(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, 16, 1), nn.LeakyReLU(), nn.Conv2d(16, outputs, 1))


def groups() -> tuple[ContextGroup, ...]:
    """Every order; channel features; inputs in an order of their own; means first in one of them."""
    torch.manual_seed(0)
    channel = nn.Sequential(nn.Conv2d(4, 9, 3, padding=1), nn.ReLU(), nn.Conv2d(9, 8, 5, padding=2))
    return (
        ContextGroup(4, "whole", (), None, None, parameters(FEATURES, 8), ("hyper",)),
        ContextGroup(
            3, "wavefront", (0,), channel, Masked(3, 6, causal_mask(3), bias=False),
            parameters(8 + 6 + FEATURES, 6), ("channel", "spatial", "hyper"), means_first=True,
        ),
        ContextGroup(
            5, "checkerboard", (1,), nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()), Masked(5, 7, checkerboard_mask(5)),
            parameters(4 + 7 + FEATURES, 10), ("spatial", "hyper", "channel"),
        ),
    )  # fmt: skip


def codec_parts() -> Parts:
    parts = mean_scale()
    h_s = nn.Sequential(parts.h_s, nn.LeakyReLU(), nn.Conv2d(24, FEATURES, 1), nn.LeakyReLU())
    context = groups()
    with torch.no_grad():
        for group in context:
            last, scales = (
                group.parameters[-1],
                slice(group.channels, None) if group.means_first else slice(group.channels),
            )
            last.bias[scales] = torch.logspace(-0.5, 1.2, group.channels)
    return dataclasses.replace(parts, h_s=h_s.eval(), context=context)


@torch.no_grad()
def test_a_described_context_is_coded_like_the_float_model(tmp_path) -> None:
    model = float_model(codec_parts())
    assert len(model.hyper.groups) == 3
    assert all(isinstance(g.spatial_context, MaskedConvolution | None) for g in model.hyper.groups)
    export_bundle(codec_parts(), Labels("grouped"), tmp_path / "b")
    codec = Codec.load(tmp_path / "b", threads=2)
    assert codec.info.arch == "custom"
    pixels = photo(192, 256)
    y_hat = float_path.code(model, model.analysis(to_tensor(pixels))).y_hat.numpy()
    decoded = codec.decode_latents(codec.encode(pixels)) * 2.0**-codec._bundle.mean_fraction
    error = abs(decoded - y_hat)
    assert (error > 0.5).mean() < 0.02
    assert y_hat.std() > 3, "the test needs spread"
    for size in ((1, 1), (17, 33)):
        assert codec.decode(codec.encode(photo(*size))).shape == (*size, 3)


def changed(number: int, **changes):
    """The groups with one of them changed."""
    found = list(groups())
    found[number] = dataclasses.replace(found[number], **changes)
    return found


def conv(*shape, **options):
    return nn.Sequential(nn.Conv2d(*shape, **options))


@pytest.mark.parametrize(
    ("number", "changes", "complaint"),
    [
        (0, {"channels": 5}, r"groups have 5 \+ 3 \+ 5 channels; expected 12 together"),
        (0, {"order": "spiral"}, r"context\[0\]: order is 'spiral', expected one of whole, checkerboard, wavefront"),
        (0, {"order": "wavefront"}, r"context\[0\]: orders wavefront and checkerboard have a spatial_context"),
        (1, {"order": "whole"}, r"context\[1\]: orders wavefront .* order whole has none"),
        (1, {"sources": ()}, r"context\[1\]: a channel_context needs sources"),
        (1, {"sources": (1,)}, r"context\[1\]: sources are \(1,\); expected numbers of groups before it"),
        (2, {"sources": (1, 0)}, r"context\[2\]: sources are \(1, 0\).*ascending"),
        (1, {"inputs": ("hyper", "spatial")}, r"context\[1\]: inputs are .* expected channel, hyper, spatial"),
        (1, {"sources": (0,), "channel_context": conv(3, 8, 3, padding=1)}, r"channel_context reads 3 .* have 4"),
        (1, {"channel_context": conv(4, 8, 3)}, r"context\[1\]\.channel_context\.0: .* keeps the size"),
        (1, {"channel_context": conv(4, 8, 3, 2, 1)}, r"context\[1\]\.channel_context\.0: .* stride 1"),
        (
            1,
            {"channel_context": nn.Sequential(nn.Conv2d(4, 4, 1), ResidualBlock(4))},
            r"\.1 \(Res.*: a sum",
        ),
        (1, {"spatial_context": nn.Conv2d(3, 6, 3, padding=1)}, r"spatial_context: Conv2d is no masked convolution"),
        (
            1,
            {"spatial_context": Masked(3, 6, causal_mask(7))},
            r"its kernel is \(7, 7\); expected 3x3",
        ),
        (1, {"spatial_context": Masked(3, 6, checkerboard_mask(3))}, r"not decoded yet in order wavefront"),
        (2, {"spatial_context": Masked(5, 7, causal_mask(5))}, r"not decoded yet in order checkerboard"),
        (1, {"spatial_context": Masked(4, 6, causal_mask(3))}, r"spatial_context reads 4 channels; its group has 3"),
        (1, {"spatial_context": Masked(3, 6, causal_mask(3), stride=2)}, r"expected stride 1 and padding 1"),
        (1, {"parameters": parameters(20, 6)}, r"parameters\.0 reads 20 .* channel 8, spatial 6, hyper 10 have 24"),
        (1, {"parameters": parameters(24, 7)}, r"parameters\.2 gives 7 channels; expected 6"),
        (1, {"parameters": conv(24, 6, 3, padding=1)}, r"parameters\.0: expected a 1x1 convolution"),
        (1, {"parameters": nn.Sequential(nn.Conv2d(24, 6, 1), nn.GELU())}, r"parameters\.1: GELU cannot become"),
    ],
)
def test_what_cannot_be_coded_is_named(number: int, changes: dict, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        checked_groups(changed(number, **changes), FEATURES, 12)
