"""Parts become a float model, or one line says what is wrong with them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from references.custom import conv, mean_scale
from torch import nn

from licrt.export.float_model import float_model
from licrt.export.parts import update_tables
from licrt.export.sizes import AtAnySize
from licrt.runtime.errors import ModelError
from licrt.trainer.entropy_models import EntropyBottleneck, GaussianConditional
from licrt.trainer.layers import convolution, subpixel_convolution


def test_sizes_are_measured() -> None:
    model = float_model(mean_scale(8, 13))
    assert (model.stride, model.latent_channels, len(model.medians)) == (8, 13, 8)
    assert model.hyper.stride == 4
    assert not model.hyper.groups
    assert not isinstance(model.hyper.analysis, AtAnySize)


def test_a_factorised_model_is_analysis_synthesis_and_prior() -> None:
    parts = mean_scale()
    bottleneck = EntropyBottleneck(12)
    model = float_model(dataclasses.replace(parts, entropy_bottleneck=bottleneck, h_a=None, h_s=None))
    assert model.hyper is None
    assert len(model.medians) == 12
    with pytest.raises(ModelError, match="g_a gives 12 channels, but entropy_bottleneck is made for 8"):
        float_model(dataclasses.replace(parts, h_a=None, h_s=None))


def test_the_default_conditional_is_the_usual_one() -> None:
    parts = mean_scale()
    ours, default = float_model(parts), float_model(dataclasses.replace(parts, gaussian_conditional=None))
    assert np.array_equal(ours.hyper.gaussian.cdf, default.hyper.gaussian.cdf)
    assert len(default.hyper.scale_table) == 64


@pytest.mark.parametrize(
    "h_a",
    [
        nn.Sequential(conv(12, 8, 4, 2, 1), nn.ReLU(), conv(8, 8, 4, 2, 1)),
        nn.Sequential(conv(12, 8, 2, 2, 0), nn.MaxPool2d(2)),
        nn.Sequential(nn.PixelUnshuffle(4), conv(192, 8)),
    ],
)
def test_a_hyper_analysis_of_whole_strides_takes_every_size(h_a: nn.Module) -> None:
    model = float_model(mean_scale(h_a=h_a))
    assert isinstance(model.hyper.analysis, AtAnySize)
    for height, width in ((1, 1), (3, 5), (4, 8), (9, 2)):
        y = torch.randn(1, 12, height, width)
        z = model.hyper.latent(y)
        assert z.shape[2:] == (-(-height // 4), -(-width // 4))
        if height % 4 == width % 4 == 0:
            assert torch.equal(z, h_a(y)), "whole strides are as they were"


def replaced(**changes):
    return lambda: dataclasses.replace(mean_scale(), **changes)


def with_tables(change):
    def make():
        parts = mean_scale()
        update_tables(parts)
        change(parts)
        return parts

    return make


def to_half(parts) -> None:
    parts.g_s.half()


def to_nan(parts) -> None:
    parts.h_s[-1].bias.data[3] = torch.nan


def decreasing(parts) -> None:
    parts.entropy_bottleneck._quantized_cdf[2, 1] = 0


def fewer_scales(parts) -> None:
    parts.gaussian_conditional.scale_table = parts.gaussian_conditional.scale_table[:-1]


def negative_scale(parts) -> None:
    parts.gaussian_conditional.scale_table[0] = -1


class Unfillable(GaussianConditional):
    def update(self, *, force: bool = False) -> bool:
        raise ValueError("scale_table is None")


class Tuple(nn.Module):
    def forward(self, x):
        return x, x


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (
            lambda: mean_scale(h_s=nn.Sequential(subpixel_convolution(8, 8, 4), conv(8, 30))),
            "h_s gives 30 channels for",
        ),
        (
            lambda: mean_scale(h_s=nn.Sequential(subpixel_convolution(8, 24), conv(24, 24))),
            "h_s gives 2x2 for a hyper",
        ),
        (lambda: mean_scale(h_s=nn.Sequential(nn.ConvTranspose2d(8, 24, 5, 4, 2))), r"h_s gives 1x1 .* output_padding"),
        (
            replaced(h_a=nn.Sequential(convolution(12, 7), convolution(7, 7))),
            "h_a gives 7 channels, but",
        ),
        (
            replaced(g_s=nn.Sequential(subpixel_convolution(12, 3, 4))),
            r"g_s turns .* \[3, 4, 4\]; expected",
        ),
        (
            replaced(g_a=nn.Sequential(conv(3, 12), nn.AdaptiveAvgPool2d(32))),
            r"g_a turns .* into \[12, 32, 32\]",
        ),
        (replaced(g_a=nn.Sequential(conv(3, 12, 5, 2, 0))), "g_a turns 256x256 into 126x126; expected a whole number"),
        (replaced(g_a=nn.Sequential(conv(1, 12, 3, 8))), r"g_a cannot run on \[1, 3, 256, 256\]"),
        (
            replaced(g_a=nn.Sequential(conv(3, 8, 8, 8, 0), nn.ReflectionPad2d(1), conv(8, 12, 3, padding=0))),
            r"g_a cannot run on \[1, 3, 8, 8\]: .* Padding size .* padding by reflection does not",
        ),
        (replaced(g_a=Tuple()), "g_a gives tuple; expected one tensor"),
        (replaced(g_a=nn.Flatten()), r"g_a gives \[1, 196608\]; expected one tensor"),
        (replaced(h_a=None), "the model has no h_a; a hyper-prior has both"),
        (replaced(h_s=None), "the model has no h_s; a hyper-prior has both"),
        (replaced(entropy_bottleneck=nn.Linear(1, 1)), "entropy_bottleneck: Linear has no _quantized_cdf"),
        (replaced(entropy_bottleneck=GaussianConditional()), r"entropy_bottleneck: expected quantiles \[64, 1, 3\]"),
        (replaced(gaussian_conditional=EntropyBottleneck(64)), r"gaussian_conditional: expected a scale_table \[64\]"),
        (replaced(gaussian_conditional=Unfillable()), r"gaussian_conditional has no CDF .* fails: scale_table is None"),
        (with_tables(to_half), r"g_s\.0\.0\.weight is torch\.float16 on cpu; .*\.cpu\(\)\.float\(\)"),
        (with_tables(to_nan), r"h_s\.4\.bias has values that are not finite"),
        (with_tables(decreasing), r"entropy_bottleneck\._quantized_cdf\[2\] is no|_quantized_cdf\[2\] is not a CDF"),
        (with_tables(fewer_scales), r"gaussian_conditional: expected a scale_table \[64\]"),
        (with_tables(negative_scale), "scale_table does not increase from above zero"),
    ],
)
def test_what_is_wrong_with_parts_is_one_line(make, complaint: str) -> None:
    parts = make()
    with pytest.raises(ModelError, match=complaint) as raised:
        float_model(parts)
    assert "\n" not in str(raised.value)


def test_tables_are_filled_once_and_made_anew_on_request() -> None:
    parts = mean_scale()
    assert not parts.entropy_bottleneck.has_tables
    float_model(parts)
    assert parts.entropy_bottleneck.has_tables
    with torch.no_grad():
        parts.entropy_bottleneck.quantiles[:, 0, 2] += 5
    before = parts.entropy_bottleneck._cdf_length.clone()
    float_model(parts)
    assert torch.equal(parts.entropy_bottleneck._cdf_length, before)
    update_tables(parts)
    assert torch.equal(parts.entropy_bottleneck._cdf_length, before + 5)


def test_a_conditional_of_compressai_gets_the_usual_scales() -> None:
    """Its update() needs a table of scales, which another method brings."""

    class Theirs(GaussianConditional):
        def update_scale_table(self, table, force=False):
            assert force
            self.given = table
            return super().update(force=True)

        def update(self, *, force=False):
            raise AssertionError

    conditional = Theirs()
    model = float_model(dataclasses.replace(mean_scale(), gaussian_conditional=conditional))
    assert np.allclose(conditional.given.numpy(), model.hyper.scale_table)


class Rates:
    """Two levels, offsets towards zero, no bias."""

    def __init__(self, *gains: float) -> None:
        self.gains = torch.tensor(gains)

    def reconstruction_offset(self, stdev, gain):
        return torch.zeros_like(stdev) - 0.1 * gain

    def context_bias(self, gain):
        return None


def test_rates_of_ones_own_are_a_grid() -> None:
    model = float_model(dataclasses.replace(mean_scale(), rates=Rates(0.5, 2.0)))
    grid = model.hyper.rates
    assert (len(grid.gains), grid.offsets.shape, grid.context_bias) == (64, (64, 64), None)
    assert np.allclose([grid.gains[0], grid.gains[-1], grid.offsets[-1, 5]], [0.5, 2, -0.2])
    with pytest.raises(ModelError, match="two numbers or more, ascending from above 0"):
        float_model(dataclasses.replace(mean_scale(), rates=Rates(2.0, 1.0)))
