"""Float layers to integers: how close, and what does not change them."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.export import context_reference, float_path, integer_reference
from licrt.export.calibration import PHOTOS, calibrate, read_photos, to_tensor
from licrt.export.check import cost, samples
from licrt.export.float_model import float_model
from licrt.export.integers import quantise, rate_points
from licrt.export.quantise import ESCALATION, Widths
from licrt.runtime.errors import ModelError
from licrt.runtime.integer import prove
from licrt.trainer.checkpoint import load_checkpoint
from licrt.trainer.integers.layers import steps
from licrt.trainer.models import ARCHITECTURES

CONTEXTUAL = [arch for arch in ARCHITECTURES if hasattr(ARCHITECTURES[arch], "context_groups")]


def tiny_ranges(arch: str = "mbt2018-mean", seed: int = 1):
    model = float_model(tiny_model(arch, seed=seed))
    return model, calibrate(model, [photo(64, 128), photo(64, 64, 1)])


@pytest.mark.parametrize("widths", ESCALATION, ids=lambda widths: widths.name)
def test_integers_approach_floats(widths: Widths) -> None:
    """Means and scales of the integer network lie within a few steps of the float ones, closer when wider."""
    model, ranges = tiny_ranges()
    integers = quantise(model, ranges, widths)
    fraction = integers.mean_fraction
    latent = model.analysis(to_tensor(photo(64, 128)))
    symbols = model.hyper_symbols(latent)[0].detach().numpy().astype(np.int32)
    indexes, means = integer_reference.run(integers.network, symbols, 4, 8)
    expected = model.hyper.synthesis(model.hyper_latent(latent))[0].detach().numpy()
    spread = np.abs(expected[12:]).max()
    tolerance = {10: 0.03, 12: 0.01, 13: 0.008, 14: 0.001, 15: 0.001}[widths.activation_bits] * spread
    assert np.abs(means * 2.0**-fraction - expected[12:]).max() < tolerance + 2.0**-fraction
    table = model.hyper.scale_table
    lower = np.where(indexes > 0, table[np.maximum(indexes - 1, 0)], -np.inf)
    upper = np.where(indexes < 63, table[np.minimum(indexes, 63)], np.inf)
    slack = tolerance + 2.0**-8
    assert (expected[:12] > lower - slack).all()
    assert (expected[:12] <= upper + slack).all()
    assert len(np.unique(indexes)) > 10, "the test needs spread"


@pytest.mark.parametrize("arch", CONTEXTUAL)
@torch.no_grad()
def test_context_integers_approach_floats(arch: str) -> None:
    """Coding in integers gives nearly the symbols, indexes and latents of coding in floats, group by group."""
    model, ranges = tiny_ranges(arch)
    integers = quantise(model, ranges, Widths(16, 14))
    latent = model.analysis(to_tensor(photo(64, 128)))
    symbols = model.hyper_symbols(latent)[0].numpy().astype(np.int32)
    point = integers.context.rate_points - 1
    _, features = integer_reference.run(integers.network, symbols, *latent.shape[2:])
    _, indexes, y_hat = context_reference.encode(integers.context, features.astype(np.int32), latent[0].numpy(), point)
    coded = float_path.code(model, latent, point)
    error = np.abs(np.ldexp(y_hat, -integers.mean_fraction) - coded.y_hat.numpy())
    assert np.median(error) < 2.0**-5, "means agree to some last bits"
    assert (error > 0.5).mean() < 0.03, "few symbols are rounded to another number"
    moved = np.abs(np.sort(indexes, axis=None) - np.sort(coded.indexes.numpy(), axis=None))
    assert moved.max() <= 1, "as a distribution, indexes move to the next table at most"
    assert moved.mean() < 0.05
    assert len(np.unique(indexes)) > 10, "the test needs spread"


def test_rate_points_are_gains_and_offsets() -> None:
    """Dequantising in integers is (|q| + offset) / gain to half a step of the fixed point."""
    model, _ = tiny_ranges("mbt2018-mean-vbr")
    grid = model.hyper.rates
    rates = rate_points(grid, 6)
    symbols, table = np.arange(1, 200), np.arange(199) % 64
    for point in (0, 20, 63):
        exact = (symbols + grid.offsets[point][table]) / grid.gains[point]
        indexes, means = table.astype(np.int64), np.zeros(199, np.int64)
        fixed = context_reference.dequantise(symbols, indexes, means, rates, 6, point)
        assert np.abs(np.ldexp(fixed, -6) - exact).max() < 2.0**-7 + 1e-4
    assert np.ptp(grid.offsets) > 0, "the test needs offsets"


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_rescaling_hidden_channels_changes_nothing(seed: int) -> None:
    """Hidden channels times 2^k, next layer divided by 2^k, is the same function, and gives the same integers."""
    model, ranges = tiny_ranges()
    rng = np.random.default_rng(seed)
    scaled = list(ranges.hyper)
    for number in range(len(scaled) - 1):
        factor = 2.0 ** rng.integers(-6, 7, len(scaled[number].bias))
        this, following = scaled[number], scaled[number + 1]
        scaled[number] = dataclasses.replace(
            this, weight=this.weight * factor[:, None, None, None], bias=this.bias * factor, peak=this.peak * factor
        )
        scaled[number + 1] = dataclasses.replace(following, weight=following.weight / factor[None, :, None, None])
    for widths in ESCALATION[:2]:
        ours = quantise(model, ranges, widths).network
        theirs = quantise(model, dataclasses.replace(ranges, hyper=scaled), widths).network
        for a, b in zip(ours.layers, theirs.layers, strict=True):
            assert np.array_equal(a.weight, b.weight)
            assert np.array_equal(a.shift, b.shift)
        assert np.array_equal(ours.thresholds, theirs.thresholds)


def test_rescaled_checkpoint_has_the_same_rate(shared_data) -> None:
    """The same on a trained model, from its weights on: calibration must adapt, to within 0.1 % of rate."""
    model = load_checkpoint(shared_data / "checkpoints" / "mbt2018-mean-64-96.pth.tar")
    photos = [pixels[:192, :192] for pixels in read_photos(PHOTOS / "check")]
    ranges = read_photos(PHOTOS / "calibration")[:4]
    plain = rate(model, ranges, photos)
    generator = torch.Generator().manual_seed(7)
    convolutions = [step.convolution for step in steps(model.h_s, "h_s")]
    with torch.no_grad():
        for this, following in itertools.pairwise(convolutions):
            factor = 2.0 ** torch.randint(-5, 6, (this.out_channels,), generator=generator)
            this.weight *= factor[None, :, None, None]  # transposed convolutions: [in, out, ...]
            this.bias *= factor
            if isinstance(following, torch.nn.ConvTranspose2d):
                following.weight /= factor[:, None, None, None]
            else:
                following.weight /= factor[None, :, None, None]
    assert abs(rate(model, ranges, photos) / plain - 1) < 0.001


def rate(model, ranges, photos) -> int:
    source = float_model(model)
    integers = quantise(source, calibrate(source, ranges), Widths(8, 12))
    return cost(source, integers, samples(source, photos)).integer_bytes


@pytest.mark.parametrize("arch", ["mbt2018-mean", "cheng2020-anchor", "elic2022-official"])
def test_dead_channels_and_huge_biases_are_representable(arch: str) -> None:
    model, ranges = tiny_ranges(arch)
    first, second, *rest = ranges.hyper
    dead = dataclasses.replace(first, weight=first.weight * 0, bias=first.bias * 0, peak=first.peak * 0)
    biased = dataclasses.replace(second, bias=second.bias + 1000.0, peak=second.peak + 1000.0)
    odd = dataclasses.replace(ranges, hyper=[dead, biased, *rest], latent_peak=ranges.latent_peak * 0)
    for widths in ESCALATION[:5]:
        prove(quantise(model, odd, widths).network)


def test_an_activation_after_the_means_is_refused() -> None:
    """The last layer of an integer network has none, so it would silently be left out."""
    for arch, complaint in (
        ("mbt2018-mean", "end with relu, which heads of means do not have"),
        ("mbt2018", "features ends with relu, which it cannot"),
    ):
        model, ranges = tiny_ranges(arch)
        ranges.hyper[-1] = dataclasses.replace(ranges.hyper[-1], activation="relu")
        with pytest.raises(ModelError, match=complaint):
            quantise(model, ranges, ESCALATION[0])


def test_wide_accumulators_are_not_for_context_models() -> None:
    with pytest.raises(ModelError, match="32-bit accumulators only"):
        quantise(*tiny_ranges("mbt2018"), ESCALATION[-1])
