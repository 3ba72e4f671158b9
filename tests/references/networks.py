"""Small integer networks and context models for tests."""

from __future__ import annotations

import numpy as np
from references.tables import Sequence

from licrt.runtime import _native
from licrt.runtime.context import ContextModel, Group, Rates, undecoded_taps
from licrt.runtime.errors import BackendError
from licrt.runtime.integer import Layer, Network, to_blob

ACTIVATIONS = ("none", "relu", "leaky_relu")


def layer_of(weight, *, kind="conv", bias=0, shift=4, activation="none", bits=12, accumulator=32, stride=1, padding=0):
    """A layer with one bias and one shift."""
    out = weight.shape[0]
    biases, shifts = np.full(out, bias, np.int32), np.full(out, shift, np.uint8)
    return Layer(kind, weight, biases, shifts, stride, padding, 0, activation, bits, accumulator)


def network_of(*layers, input_bits=10, index_channels=None, thresholds=None):
    """A network whose last layer is all index head, unless told otherwise."""
    wide = layers[-1].accumulator_bits == 64
    heads = layers[-1].weight.shape[0] if index_channels is None else index_channels
    if thresholds is None:
        thresholds = np.zeros((1, heads, 1), np.int64 if wide else np.int32)
    channels = layers[0].weight.shape[1]
    return Network(input_bits, 0, np.zeros(channels, np.int32), layers, heads, thresholds)


def smallest():
    return network_of(layer_of(np.ones((1, 1, 1, 1), np.int8)))


def instruction_sets():
    """Every value of LICRT_CPU that this machine can run."""
    found = []
    for cpu in ("scalar", "avx2", "avx512vnni", "neon", "neondot"):
        try:
            found.append(_native.Network(to_blob(smallest()), cpu).cpu)
        except BackendError:
            continue
    return found


def fixed_network(wide):
    """A network made without numpy's generators, so that it never changes."""
    numbers = Sequence(8)
    dtype, limit, accumulator = (np.int16, 32767, 64) if wide else (np.int8, 127, 32)

    def layer(kind, shape, stride, activation, shift):
        weight = [numbers.below(2 * limit + 1) - limit for _ in range(int(np.prod(shape)))]
        bias = np.array([numbers.below(2001) - 1000 for _ in range(shape[0])], np.int32)
        shifts = np.full(shape[0], shift + 8 * wide, np.uint8)
        weights = np.array(weight, dtype).reshape(shape)
        return Layer(kind, weights, bias, shifts, stride, 1, stride - 1, activation, 13, accumulator)

    layers = (
        layer("conv_transpose", (19, 6, 3, 3), 2, "leaky_relu", 6),
        layer("conv", (17, 19, 3, 3), 1, "relu", 9),
        layer("conv", (10, 17, 3, 3), 1, "none", 9),
    )
    step = 60000 * (256 if wide else 1)
    thresholds = np.arange(-31, 32)[None, None].repeat(5, axis=1) * step
    return Network(
        11, 3, np.arange(-3, 3, dtype=np.int32), layers, 5, thresholds.astype(np.int64 if wide else np.int32)
    )


def spread_layer(
    random,
    out,
    channels,
    kernel=1,
    *,
    bits=10,
    dtype=np.int8,
    seen=None,
    activation="none",
    output_bits=None,
    spread=None,
    **geometry,
):
    """A random layer for typical values of so many bits, and the standard deviation of its sums.

    Args:
        random: a numpy generator.
        out, channels, kernel: shape of the weights.
        bits: what the layer reads; by default it gives as many.
        seen: taps that are not 0, `[kernel, kernel]`.
        spread: standard deviation of what it gives; by default what is typical of `bits`.
        geometry: `kind`, `stride`, `padding` and `output_padding`; a convolution that keeps the size otherwise.
    """
    typical, limit = 2 ** (bits - 1) / 3, np.iinfo(dtype).max
    weight = random.integers(-limit, limit + 1, (out, channels, kernel, kernel)).astype(dtype)
    if seen is not None:
        weight[:, :, ~seen] = 0
    # Leave half of 32 bits to bias and rounding: wide weights and inputs together would fail the proof.
    largest = int(np.abs(weight).sum(axis=(1, 2, 3), dtype=np.int64).max()) << (bits - 1)
    weight = weight >> max(largest.bit_length() - 30, 0)
    deviation = typical * np.sqrt((weight.astype(np.float64) ** 2).sum(axis=(1, 2, 3)).mean())
    shift = int(np.clip(np.rint(np.log2(deviation / (spread or typical))), 1, 29))
    bias = np.clip(random.normal(0, deviation / 4, out), -(2**28), 2**28).astype(np.int32)
    where = {"kind": "conv", "stride": 1, "padding": kernel // 2, "output_padding": 0, **geometry}
    layer = Layer(
        weight=weight,
        bias=bias,
        shift=np.full(out, shift, np.uint8),
        activation=activation,
        output_bits=output_bits or bits,
        **where,
    )
    return layer, deviation


def thresholds_of(random, deviation, points, channels, tables):
    """Thresholds that sums of that standard deviation spread over."""
    edges = random.normal(0, deviation, (points, channels, tables - 1))
    return np.sort(np.clip(edges, -(2**31), 2**31 - 1).astype(np.int32), axis=2)


def context_of(
    random,
    orders=("wavefront",),
    *,
    channels=6,
    feature_channels=5,
    bits=10,
    mean_fraction=4,
    tables=64,
    kernel=5,
    means=True,
    conditional=True,
    rate_points=0,
    bias_sets=False,
    dtype=np.int8,
    hidden=(11,),
):
    """A random context model with one group for each of `orders`, whose indexes, means and symbols spread.

    Args:
        random: a numpy generator.
        orders: of the groups.
        channels: latents of each group.
        conditional: groups read the latents of some groups before them.
        rate_points: 0 for a model of a single rate.
        bias_sets: spatial layers have biases for each rate point.
        dtype: of the weights.
        hidden: channels of the hidden parameter layers.
    """
    points = max(rate_points, 1)

    def layer(out, channels, kernel=1, **options):
        return spread_layer(random, out, channels, kernel, bits=bits, dtype=dtype, **options)

    def group(number, order):
        sources, network, spatial, biases, features = (), None, None, None, feature_channels
        if number and conditional:
            kept = random.random(number) < 0.7
            sources = tuple(int(source) for source in np.flatnonzero(kept)) or (number - 1,)
            first, _ = layer(7, channels * len(sources), 3, activation="leaky_relu")
            second, _ = layer(4, 7, 1)
            offsets = np.zeros(channels * len(sources), np.int32)
            network = Network(bits, 0, offsets, (first, second), 0, np.zeros((1, 0, 0), np.int32))
            features += 4
        if order != "whole":
            spatial, deviation = layer(9, channels, kernel, seen=~undecoded_taps(order, kernel))
            if bias_sets:
                biases = random.normal(0, min(deviation, 2.0**27), (points, 9)).astype(np.int32)
            features += 9
        parameters = []
        for out in hidden:
            parameters.append(layer(out, features, activation=str(random.choice(ACTIVATIONS)))[0])
            features = out
        heads = channels * (1 + means)
        last, deviation = layer(heads, features, output_bits=22, spread=8.0 * 2**mean_fraction)
        parameters.append(last)
        # Activations leave about half of what a hidden layer's sums spread over.
        thresholds = thresholds_of(random, deviation / 2, points, channels, tables)
        return Group(channels, order, sources, network, spatial, biases, tuple(parameters), thresholds)

    groups = tuple(group(number, order) for number, order in enumerate(orders))
    shifts = random.integers(max(mean_fraction - 2, 0), mean_fraction + 1, channels * len(groups)).astype(np.uint8)
    rates = rates_of(random, rate_points, tables, mean_fraction) if rate_points else None
    return ContextModel(feature_channels, bits, mean_fraction, shifts, rates, groups)


def rates_of(random, points, tables, mean_fraction):
    """Gains from 1/4 to 4, and offsets of up to half a step towards zero and beyond."""
    gain = np.geomspace(0.25, 4, points)
    shift = np.minimum(24, 29 - mean_fraction + np.floor(np.log2(gain)).astype(int))
    step = np.ldexp(1 / gain, shift + mean_fraction)
    offset = np.rint(random.uniform(-0.5, 0.1, (points, tables)) * step[:, None])
    return Rates(np.rint(step).astype(np.int64), shift.astype(np.uint8), offset.astype(np.int64))


def context_inputs(random, model, height, width):
    """Features and a latent for a context model."""
    limit = 2 ** (model.bits - 1)
    features = np.clip(random.normal(0, limit / 3, (model.feature_channels, height, width)), -limit, limit - 1)
    latent = random.laplace(0, 10, (model.latent_channels, height, width))
    return features.astype(np.int32), latent.astype(np.float32)
