import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.export import integer_reference
from licrt.export.calibration import PHOTOS, float_layers, hyper_layers, read_photos
from licrt.export.check import cost, samples
from licrt.export.parts import parts_of
from licrt.export.quantise import ESCALATION, Widths, quantise
from licrt.runtime.errors import ModelError
from licrt.runtime.integer import prove
from licrt.trainer.checkpoint import load_checkpoint


def tiny_layers(seed: int = 1):
    parts = parts_of(tiny_model("mbt2018-mean", seed=seed))
    layers, peak = float_layers(parts, [photo(64, 128), photo(64, 64, 1)])
    return parts, layers, peak


@pytest.mark.parametrize("widths", ESCALATION, ids=lambda widths: widths.name)
def test_integers_approach_floats(widths: Widths) -> None:
    """Means and scales of the integer network lie within a few steps of the float ones, closer when wider."""
    parts, layers, peak = tiny_layers()
    network, fraction = quantise(layers, parts.medians, peak, parts.hyper.scale_table, 12, widths)
    prove(network)
    latent = parts.analysis(torch.from_numpy(photo(64, 128).transpose(2, 0, 1).copy()).float().div(255)[None])
    symbols = parts.hyper_symbols(latent)[0].detach().numpy().astype(np.int32)
    indexes, means = integer_reference.run(network, symbols, 4, 8)
    expected = parts.hyper.synthesis(parts.hyper_latent(latent))[0].detach().numpy()
    spread = np.abs(expected[12:]).max()
    tolerance = {10: 0.03, 12: 0.01, 13: 0.008, 14: 0.001, 15: 0.001}[widths.activation_bits] * spread
    assert np.abs(means * 2.0**-fraction - expected[12:]).max() < tolerance + 2.0**-fraction
    table = parts.hyper.scale_table
    lower = np.where(indexes > 0, table[np.maximum(indexes - 1, 0)], -np.inf)
    upper = np.where(indexes < 63, table[np.minimum(indexes, 63)], np.inf)
    slack = tolerance + 2.0**-8
    assert (expected[:12] > lower - slack).all()
    assert (expected[:12] <= upper + slack).all()
    assert len(np.unique(indexes)) > 10, "the test needs spread"


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_rescaling_hidden_channels_changes_nothing(seed: int) -> None:
    """Hidden channels times 2^k, next layer divided by 2^k, is the same function, and gives the same integers."""
    parts, layers, peak = tiny_layers()
    rng = np.random.default_rng(seed)
    scaled = list(layers)
    for number in range(len(layers) - 1):
        factor = 2.0 ** rng.integers(-6, 7, len(layers[number].bias))
        this, following = scaled[number], scaled[number + 1]
        scaled[number] = dataclasses.replace(
            this, weight=this.weight * factor[:, None, None, None], bias=this.bias * factor, peak=this.peak * factor
        )
        scaled[number + 1] = dataclasses.replace(following, weight=following.weight / factor[None, :, None, None])
    for widths in ESCALATION[:2]:
        ours, _ = quantise(layers, parts.medians, peak, parts.hyper.scale_table, 12, widths)
        theirs, _ = quantise(scaled, parts.medians, peak, parts.hyper.scale_table, 12, widths)
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
    convolutions = [pair[0] for pair in hyper_layers(model.h_s)]
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
    parts = parts_of(model)
    layers, peak = float_layers(parts, ranges)
    network, fraction = quantise(layers, parts.medians, peak, parts.hyper.scale_table, 96, Widths(8, 12))
    return cost(parts, network, fraction, samples(parts, photos)).integer_bytes


def test_dead_channels_and_huge_biases_are_representable() -> None:
    _, layers, peak = tiny_layers()
    dead = dataclasses.replace(layers[0], weight=layers[0].weight * 0, bias=layers[0].bias * 0, peak=layers[0].peak * 0)
    biased = dataclasses.replace(layers[1], bias=layers[1].bias + 1000.0, peak=layers[1].peak + 1000.0)
    for widths in ESCALATION:
        network, _ = quantise([dead, biased, layers[2]], np.zeros(8), peak, np.geomspace(0.11, 256, 64), 12, widths)
        prove(network)


def test_an_activation_after_the_means_is_refused() -> None:
    """The last layer of an integer network has none, so it would silently be left out."""
    parts, layers, peak = tiny_layers()
    layers[-1] = dataclasses.replace(layers[-1], activation="relu")
    with pytest.raises(ModelError, match="ends with relu, which heads of means do not have"):
        quantise(layers, parts.medians, peak, parts.hyper.scale_table, 12, ESCALATION[0])
    quantise(layers, parts.medians, peak, parts.hyper.scale_table, 24, ESCALATION[0])


def test_an_unsupported_layer_is_named() -> None:
    with pytest.raises(ModelError, match=r"h_s\.1: Sigmoid cannot become integers.*ReLU"):
        hyper_layers(torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.Sigmoid()))
    with pytest.raises(ModelError, match=r"h_s\.0.*without groups"):
        hyper_layers(torch.nn.Sequential(torch.nn.Conv2d(2, 2, 3, groups=2)))
    with pytest.raises(ModelError, match="h_s is ModuleList; expected Sequential"):
        hyper_layers(torch.nn.ModuleList([torch.nn.Conv2d(1, 1, 1)]))
    with pytest.raises(ModelError, match=r"slope 0\.2"):
        hyper_layers(torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.LeakyReLU(0.2)))
