"""The integer half of a hyper-prior model: its hyper-synthesis, its context model, and its rate points."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from licrt.export.quantise import (
    Signal,
    exponent_for,
    feature_layers,
    fixed_input,
    head,
    head_layer,
    hidden_layer,
    thresholds,
)
from licrt.runtime import context, integer
from licrt.runtime.bundle import MAX_MEAN_FRACTION
from licrt.runtime.context import ContextModel, Group, Rates
from licrt.runtime.errors import ModelError
from licrt.runtime.integer import Layer, Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from licrt.export.calibration import GroupRanges, Ranges
    from licrt.export.float_model import Float, FloatModel, HyperPrior, RateGrid
    from licrt.export.layers import FloatLayer
    from licrt.export.quantise import Head, Widths
    from licrt.trainer.models.context import ContextGroup

    Array = npt.NDArray[Any]

# Pictures go beyond the ranges of the calibration set, and in a context model what saturates moves all that follows:
# one bit of room (docs/adr/0005-context-models.md).
_HEADROOM = 2.0
_LEAST_LATENT = 4.0  # what a latent must be able to reach in a context model, however quiet its channel was
_MAX_LATENT_SHIFT = 15


@dataclass(frozen=True)
class Integers:
    """Everything integer that stands between the tables and the latent.

    Attributes:
        network: hyper-synthesis; gives features where there is a context model.
        context: None for models whose hyper-synthesis gives scales and means at once.
        rates: None for models with one rate.
        mean_fraction: fraction bits of means and latents.
    """

    network: Network
    context: ContextModel | None
    rates: Rates | None
    mean_fraction: int


def quantise(model: FloatModel, ranges: Ranges, widths: Widths) -> Integers:
    """Build the integers of a hyper-prior model, proved.

    Raises:
        ModelError: the model cannot be represented in these widths.
    """
    if model.hyper is None:
        raise ModelError("a factorised model has no network to quantise")
    if not model.hyper.groups:
        return _plain(model, model.hyper, ranges, widths)
    if widths.accumulator_bits != 32:
        raise ModelError("context models have 32-bit accumulators only")
    ranges = _with_headroom(ranges)
    # The fraction of the latents is what the means can have, and the means depend on what the latents look like.
    for mean_fraction in range(MAX_MEAN_FRACTION, -1, -1):
        built = _contextual(model, model.hyper, ranges, mean_fraction, widths)
        if built is not None:
            return built
    raise ModelError("the means of this model have no fraction bits in these widths")


def rate_points(grid: RateGrid, mean_fraction: int) -> Rates:
    """Turn gains and reconstruction offsets into the integers of docs/integer-net.md, section 8."""
    shift = np.minimum(np.floor(np.log2((2.0**30 - 1) * grid.gains)).astype(np.int64) - mean_fraction, 24)
    unit = np.ldexp(1 / grid.gains, shift + mean_fraction)
    return Rates(
        multiplier=np.rint(unit).astype(np.int64),
        shift=shift.astype(np.uint8),
        offset=np.rint(grid.offsets * unit[:, None]).astype(np.int64),
    )


def _plain(model: FloatModel, hyper: HyperPrior, ranges: Ranges, widths: Widths) -> Integers:
    bits = widths.activation_bits
    input_shift, offset, signal = fixed_input(model.medians, ranges.hyper_peak, bits)
    layers = []
    for layer in ranges.hyper[:-1]:
        quantised, signal = hidden_layer(layer, signal, widths)
        layers.append(quantised)
    last = head(_scales_first(ranges.hyper[-1], hyper.means_first), signal, len(ranges.latent_peak), widths)
    layers.append(head_layer(last, last.room, widths))
    network = Network(
        bits, input_shift, offset, tuple(layers), last.index_channels, _thresholds(hyper, last, widths.accumulator_bits)
    )
    integer.prove(network)
    return Integers(network, None, rate_points(hyper.rates, last.room) if hyper.rates else None, last.room)


def _contextual(
    model: FloatModel, hyper: HyperPrior, ranges: Ranges, mean_fraction: int, widths: Widths
) -> Integers | None:
    """Build a model with a context model; None where its means cannot have so many fraction bits."""
    bits = widths.activation_bits
    input_shift, offset, signal = fixed_input(model.medians, ranges.hyper_peak, bits)
    layers, features = feature_layers(ranges.hyper, signal, widths)
    network = _feature_network(bits, input_shift, offset, layers)
    peak = np.maximum(ranges.latent_peak, _LEAST_LATENT)
    fraction = np.clip(exponent_for(peak, bits), mean_fraction - _MAX_LATENT_SHIFT, mean_fraction)
    latent = Signal(fraction, peak)
    heads, groups = [], []
    latents = _split(latent, [group.channels for group in hyper.groups])
    for group, seen, own in zip(hyper.groups, ranges.groups, latents, strict=True):
        sources = _join([latents[number] for number in group.sources])
        unfinished, last = _group(hyper, group, seen, features, sources, own, widths)
        heads.append(last)
        groups.append(unfinished)
    if min(each.room for each in heads) < mean_fraction:
        return None
    finished = tuple(
        replace(group, parameters=(*group.parameters, head_layer(last, mean_fraction, widths)))
        for group, last in zip(groups, heads, strict=True)
    )
    context_model = ContextModel(
        feature_channels=len(features.fraction),
        bits=bits,
        mean_fraction=mean_fraction,
        latent_shift=(mean_fraction - fraction).astype(np.uint8),
        rates=rate_points(hyper.rates, mean_fraction) if hyper.rates else None,
        groups=finished,
    )
    integer.prove(network)
    context.prove(context_model)
    return Integers(network, context_model, context_model.rates, mean_fraction)


def _with_headroom(ranges: Ranges) -> Ranges:
    """Widen every range but those of the heads, which have room of their own."""

    def widened(layers: Sequence[FloatLayer]) -> list[FloatLayer]:
        return [replace(layer, peak=layer.peak * _HEADROOM) for layer in layers]

    groups = [
        replace(
            group,
            channel=widened(group.channel),
            spatial=widened([group.spatial])[0] if group.spatial else None,
            parameters=[*widened(group.parameters[:-1]), group.parameters[-1]],
        )
        for group in ranges.groups
    ]
    return replace(ranges, hyper=widened(ranges.hyper), latent_peak=ranges.latent_peak * _HEADROOM, groups=groups)


def _group(
    hyper: HyperPrior, group: ContextGroup, ranges: GroupRanges, features: Signal, sources: Signal, own: Signal,
    widths: Widths,
) -> tuple[Group, Head]:  # fmt: skip
    """Quantise a group but for its head."""
    bits = widths.activation_bits
    seen: dict[str, Signal] = {"hyper": features}
    network = None
    if ranges.channel:
        layers, seen["channel"] = feature_layers(ranges.channel, sources, widths)
        network = _feature_network(bits, 0, np.zeros(len(sources.fraction), np.int32), layers)
    spatial, biases = None, None
    if ranges.spatial is not None:
        spatial, seen["spatial"], biases = _spatial(hyper, ranges.spatial, own, widths)
    order: list[str] = [name for name in ("hyper", "channel", "spatial") if name in seen]
    signal = _join([seen[name] for name in order])
    first, *rest = ranges.parameters
    parameters = []
    chain = [_reordered(first, [(name, len(seen[name].fraction)) for name in group.inputs], order), *rest]
    chain[-1] = _scales_first(chain[-1], group.means_first)
    for layer in chain[:-1]:
        quantised, signal = hidden_layer(layer, signal, widths)
        parameters.append(quantised)
    last = head(chain[-1], signal, group.channels, widths)
    unfinished = Group(
        channels=group.channels,
        order=group.order,
        sources=tuple(group.sources),
        channel_network=network,
        spatial=spatial,
        spatial_bias=biases,
        parameters=tuple(parameters),
        thresholds=_thresholds(hyper, last, 32),
    )
    return unfinished, last


def _spatial(hyper: HyperPrior, layer: FloatLayer, own: Signal, widths: Widths) -> tuple[Layer, Signal, Array | None]:
    bias = hyper.rates.context_bias if hyper.rates else None
    if bias is None:
        return *hidden_layer(layer, own, widths), None
    # Room for the bias of every rate point; the largest takes part in the proof.
    totals = layer.bias + bias
    widest = np.take_along_axis(totals, np.abs(totals).argmax(axis=0)[None], axis=0)[0]
    quantised, signal = hidden_layer(
        replace(layer, peak=layer.peak + np.abs(bias).max(axis=0), bias=widest), own, widths
    )
    exponent = signal.fraction + quantised.shift
    return quantised, signal, np.rint(np.ldexp(totals, exponent)).astype(np.int32)


def _reordered(layer: FloatLayer, inputs: list[tuple[str, int]], order: list[str]) -> FloatLayer:
    """Put a layer's input channels, which come as `inputs` says, into another order of sources."""
    starts = dict(zip((name for name, _ in inputs), np.cumsum([0, *(count for _, count in inputs)]), strict=False))
    counts = dict(inputs)
    columns = np.concatenate([np.arange(starts[name], starts[name] + counts[name]) for name in order])
    if layer.weight.shape[1] != len(columns):
        raise ModelError(
            f"the first layer of the entropy parameters reads {layer.weight.shape[1]} channels; "
            f"its inputs {', '.join(f'{name} {count}' for name, count in inputs)} have {len(columns)}"
        )
    return replace(layer, weight=layer.weight[:, columns])


def _scales_first(layer: FloatLayer, means_first: bool) -> FloatLayer:
    if not means_first:
        return layer
    half = len(layer.bias) // 2
    return replace(layer, **{name: np.roll(getattr(layer, name), half, axis=0) for name in ("weight", "bias", "peak")})


def _split(signal: Signal, channels: list[int]) -> list[Signal]:
    ends = np.cumsum(channels)[:-1]
    return [Signal(*each) for each in zip(np.split(signal.fraction, ends), np.split(signal.reach, ends), strict=True)]


def _join(signals: list[Signal]) -> Signal:
    fractions, reaches = [each.fraction for each in signals], [each.reach for each in signals]
    return Signal(np.concatenate([np.zeros(0, np.int64), *fractions]), np.concatenate([np.zeros(0), *reaches]))


def _feature_network(bits: int, shift: int, offset: Array, layers: list[Layer]) -> Network:
    return Network(bits, shift, offset, tuple(layers), 0, np.zeros((1, 0, 0), np.int32))


def _thresholds(hyper: HyperPrior, last: Head, accumulator_bits: int) -> Array:
    gains: Float = hyper.rates.gains if hyper.rates else np.ones(1)
    return thresholds(
        hyper.scale_table,
        gains,
        last.exponent[: last.index_channels],
        accumulator_bits,
        logarithmic=hyper.logarithmic_scales,
    )
