"""The entropy path of a hyper-prior model in integers: its hyper-synthesis and its context model, layer by layer.

One place decides every power of two, for training and for export alike, from nothing but ranges and weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from licrt.runtime.bundle import MAX_MEAN_FRACTION
from licrt.runtime.errors import ModelError
from licrt.trainer.integers.quantise import (
    Signal,
    exponent_for,
    feature_layers,
    fixed_input,
    head,
    head_layer,
    hidden_layer,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from licrt.trainer.integers.layers import FloatLayer
    from licrt.trainer.integers.quantise import FixedLayer, Head, Int, Widths
    from licrt.trainer.integers.ranges import EntropyPath, GroupRanges, Ranges
    from licrt.trainer.models.context import ContextGroup

    Array = npt.NDArray[Any]

# Pictures go beyond the ranges of the calibration set, and in a context model what saturates moves all that follows:
# one bit of room (docs/adr/0005-context-models.md).
_HEADROOM = 2.0
_LEAST_LATENT = 4.0  # what a latent must be able to reach in a context model, however quiet its channel was
_MAX_LATENT_SHIFT = 15


@dataclass(frozen=True, eq=False)
class FixedGroup:
    """One channel group of a context model.

    Attributes:
        channel, spatial, parameters: its layers; the last of the parameters is the head, scales first.
        spatial_bias: int32 `[P, S]`, biases of `spatial` at each rate point, or None for its own.
    """

    channel: list[FixedLayer]
    spatial: FixedLayer | None
    spatial_bias: Array | None
    parameters: list[FixedLayer]


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """Every layer of an entropy path in integers.

    Attributes:
        widths: of all of them.
        input_shift, input_offset: place of the hyper-latent (docs/integer-net.md, section 1).
        hyper: layers of the hyper-synthesis; without a context model the last one is the head, scales first.
        groups: of the context model; empty where there is none.
        latent_fraction: fraction bits of the latents that a context model sees, `[M]`; empty where there is none.
        mean_fraction: fraction bits of means and latents.
    """

    widths: Widths
    input_shift: int
    input_offset: npt.NDArray[np.int32]
    hyper: list[FixedLayer]
    groups: list[FixedGroup]
    latent_fraction: Int
    mean_fraction: int


def fixed_point(path: EntropyPath, ranges: Ranges, widths: Widths) -> FixedPoint:
    """Turn an entropy path into integers.

    Raises:
        ModelError: the model cannot be represented in these widths.
    """
    if not path.groups:
        return _plain(path, ranges, widths)
    if widths.accumulator_bits != 32:
        raise ModelError("context models have 32-bit accumulators only")
    # The fraction of the latents is what the means can have, and the means depend on what the latents look like.
    for mean_fraction in range(MAX_MEAN_FRACTION, -1, -1):
        built = _contextual(path, ranges, mean_fraction, widths)
        if built is not None:
            return built
    raise ModelError("the means of this model have no fraction bits in these widths")


def with_headroom(ranges: Ranges) -> Ranges:
    """Widen every range of a context model but those of the heads, which have room of their own."""

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


def _plain(path: EntropyPath, ranges: Ranges, widths: Widths) -> FixedPoint:
    input_shift, offset, signal = fixed_input(path.medians, ranges.hyper_peak, widths.activation_bits)
    layers = []
    for layer in ranges.hyper[:-1]:
        quantised, signal = hidden_layer(layer, signal, widths)
        layers.append(quantised)
    last = head(_scales_first(ranges.hyper[-1], path.means_first), signal, len(ranges.latent_peak), widths)
    layers.append(head_layer(last, last.room, widths))
    return FixedPoint(widths, input_shift, offset, layers, [], np.zeros(0, np.int64), last.room)


def _contextual(path: EntropyPath, ranges: Ranges, mean_fraction: int, widths: Widths) -> FixedPoint | None:
    """Build a model with a context model; None where its means cannot have so many fraction bits."""
    bits = widths.activation_bits
    input_shift, offset, signal = fixed_input(path.medians, ranges.hyper_peak, bits)
    layers, features = feature_layers(ranges.hyper, signal, widths)
    peak = np.maximum(ranges.latent_peak, _LEAST_LATENT)
    fraction = np.clip(exponent_for(peak, bits), mean_fraction - _MAX_LATENT_SHIFT, mean_fraction)
    heads, groups = [], []
    latents = _split(Signal(fraction, peak), [group.channels for group in path.groups])
    for group, seen, own in zip(path.groups, ranges.groups, latents, strict=True):
        sources = _join([latents[number] for number in group.sources])
        unfinished, last = _group(path, group, seen, features, sources, own, widths)
        heads.append(last)
        groups.append(unfinished)
    if min(each.room for each in heads) < mean_fraction:
        return None
    finished = [
        replace(group, parameters=[*group.parameters, head_layer(last, mean_fraction, widths)])
        for group, last in zip(groups, heads, strict=True)
    ]
    return FixedPoint(widths, input_shift, offset, layers, finished, fraction, mean_fraction)


def _group(
    path: EntropyPath, group: ContextGroup, ranges: GroupRanges, features: Signal, sources: Signal, own: Signal,
    widths: Widths,
) -> tuple[FixedGroup, Head]:  # fmt: skip
    """Quantise a group but for its head."""
    seen: dict[str, Signal] = {"hyper": features}
    channel: list[FixedLayer] = []
    if ranges.channel:
        channel, seen["channel"] = feature_layers(ranges.channel, sources, widths)
    spatial, biases = None, None
    if ranges.spatial is not None:
        spatial, seen["spatial"], biases = _spatial(path.context_bias, ranges.spatial, own, widths)
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
    return FixedGroup(channel, spatial, biases, parameters), last


def _spatial(
    bias: Array | None, layer: FloatLayer, own: Signal, widths: Widths
) -> tuple[FixedLayer, Signal, Array | None]:
    if bias is None:
        return *hidden_layer(layer, own, widths), None
    # Room for the bias of every rate point; the largest takes part in the proof.
    totals = layer.bias + bias
    widest = np.take_along_axis(totals, np.abs(totals).argmax(axis=0)[None], axis=0)[0]
    quantised, signal = hidden_layer(
        replace(layer, peak=layer.peak + np.abs(bias).max(axis=0), bias=widest), own, widths
    )
    return quantised, signal, np.rint(np.ldexp(totals, quantised.exponent)).astype(np.int32)


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
    return replace(layer, weight=layer.weight[:, columns], columns=columns)


def _scales_first(layer: FloatLayer, means_first: bool) -> FloatLayer:
    if not means_first:
        return layer
    rows = np.roll(np.arange(len(layer.bias)), len(layer.bias) // 2)
    return replace(layer, weight=layer.weight[rows], bias=layer.bias[rows], peak=layer.peak[rows], rows=rows)


def _split(signal: Signal, channels: list[int]) -> list[Signal]:
    ends = np.cumsum(channels)[:-1]
    return [Signal(*each) for each in zip(np.split(signal.fraction, ends), np.split(signal.reach, ends), strict=True)]


def _join(signals: list[Signal]) -> Signal:
    fractions, reaches = [each.fraction for each in signals], [each.reach for each in signals]
    return Signal(np.concatenate([np.zeros(0, np.int64), *fractions]), np.concatenate([np.zeros(0), *reaches]))
