"""Float layers become integer layers (docs/integer-net.md).

Only powers of two are ever chosen here, from float weights and calibrated ranges, so the result does not depend on the
last bits of a float sum: the same checkpoint gives the same integers with any number of threads.

Every channel gets its own power-of-two scale, folded into the weights before and after it. That makes the result
invariant to the function-preserving rescaling of hidden channels, and gives small channels all their bits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from licrt.runtime.bundle import MAX_MEAN_FRACTION
from licrt.runtime.errors import ModelError
from licrt.runtime.integer import Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licrt.trainer.integers.layers import FloatLayer

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

MEAN_BITS = 20
_MAX_BIAS = 1 << 30
_MAX_SHIFT = 30


@dataclass(frozen=True)
class Widths:
    """How wide an integer network is: bits of weights, activations and accumulators.

    16-bit weights with 32-bit accumulators have as many bits as the overflow proof allows, some 10 to 12.
    """

    weight_bits: Literal[8, 16]
    activation_bits: int
    accumulator_bits: Literal[32, 64] = 32

    @property
    def name(self) -> str:
        """Short form for manifests and tables, as in `w8a10`."""
        return f"w{self.weight_bits}a{self.activation_bits}" + ("acc64" if self.accumulator_bits == 64 else "")


def widths_named(name: str) -> Widths:
    """Return the widths of a short form.

    Raises:
        ModelError: there are none of that name.

    >>> widths_named("w8a8")
    Widths(weight_bits=8, activation_bits=8, accumulator_bits=32)
    """
    match = re.fullmatch(r"w(8|16)a(\d\d?)(acc64)?", name)
    if not match or not 4 <= int(match[2]) <= 16:
        raise ModelError(
            f"widths {name!r} are unknown; expected weights of 8 or 16 and activations of 4 to 16 bits, as in w8a8"
        )
    return Widths(8 if match[1] == "8" else 16, int(match[2]), 64 if match[3] else 32)


@dataclass(frozen=True)
class Signal:
    """What a layer reads: fraction bits, and the largest magnitude that floats reach, of each channel."""

    fraction: Int
    reach: Float


def fixed_input(medians: Float, peak: float, bits: int) -> tuple[int, npt.NDArray[np.int32], Signal]:
    """Place the hyper-latent: input_shift, input_offset and the signal that the first layer reads."""
    shift = int(np.clip(exponent_for(np.array([peak]), bits)[0], 0, bits - 1))
    offset = np.rint(np.ldexp(medians, shift)).astype(np.int32)
    return shift, offset, Signal(np.full(len(medians), shift), np.abs(medians) + peak)


@dataclass(frozen=True, eq=False)
class FixedLayer:
    """A layer in integers, and what these stand for.

    Attributes:
        layer: the integers.
        source: what they were made from.
        read: fraction bits of each channel that it reads, `[in]`.
        bits: width of what it reads.
        exponent: fraction bits of each channel's accumulator, `[out]`.
    """

    layer: Layer
    source: FloatLayer
    read: Int
    bits: int
    exponent: Int

    @property
    def fraction(self) -> Int:
        """Fraction bits of each channel that it gives after requantisation (and joining, if sub-pixel)."""
        return (self.exponent - self.layer.shift)[:: self.layer.upscale**2]

    @property
    def sums_fit_float32(self) -> bool:
        """Whether every partial sum is an integer that float32 holds."""
        magnitude = np.abs(self.layer.weight.astype(np.int64)).sum(axis=(1, 2, 3)) << self.bits - 1
        return bool((magnitude + np.abs(self.layer.bias.astype(np.int64)) <= 1 << 24).all())


def hidden_layer(layer: FloatLayer, signal: Signal, widths: Widths) -> tuple[FixedLayer, Signal]:
    """Quantise a layer whose output other layers read."""
    peak = layer.peak
    if not layer.settled:
        # A channel that calibration never saw active still needs a range: a share of what its weights could reach.
        bound = np.einsum("oiyx,i->o", np.abs(layer.weight), signal.reach) + np.abs(layer.bias)
        peak = np.maximum(peak, bound / 64)
    # The channels that a pixel shuffle joins are one channel to the next layer.
    joined = layer.upscale**2
    peak = peak.reshape(-1, joined).max(axis=1)
    fraction = exponent_for(peak, widths.activation_bits)
    weight, bias, exponent = _weights(layer, signal.fraction, np.repeat(fraction, joined) + _MAX_SHIFT, widths)
    # Requantisation drops at least one bit, so very coarse weights coarsen their output too.
    fraction = np.minimum(fraction, exponent.reshape(-1, joined).min(axis=1) - 1)
    shift = exponent - np.repeat(fraction, joined)
    integers = _layer(layer, weight, bias, shift, layer.activation, widths.activation_bits, widths)
    return FixedLayer(integers, layer, signal.fraction, widths.activation_bits, exponent), Signal(fraction, peak)


def feature_layers(layers: Sequence[FloatLayer], signal: Signal, widths: Widths) -> tuple[list[FixedLayer], Signal]:
    """Quantise a network whose output is features for other networks.

    Raises:
        ModelError: it ends with an activation, which heads do not have.
    """
    if layers[-1].activation != "none":
        raise ModelError(f"a network of features ends with {layers[-1].activation}, which it cannot; leave that out")
    quantised = []
    for layer in layers:
        integer, signal = hidden_layer(layer, signal, widths)
        quantised.append(integer)
    return quantised, signal


@dataclass(frozen=True)
class Head:
    """A last layer before its requantisation is chosen: integers, exponent of each channel, fraction bits to be had."""

    source: FloatLayer
    weight: npt.NDArray[np.generic]
    bias: Int
    read: Int
    exponent: Int
    index_channels: int
    room: int


def head(layer: FloatLayer, signal: Signal, index_channels: int, widths: Widths) -> Head:
    """Quantise the layer that gives scales and means, as far as that does not depend on the fraction of the means.

    Raises:
        ModelError: the means cannot be represented.
    """
    weight, bias, exponent = _weights(layer, signal.fraction, np.full(len(layer.bias), _MAX_SHIFT), widths)
    room, means = MAX_MEAN_FRACTION, slice(index_channels, None)
    if len(exponent[means]):
        # Scales need none of it: thresholds are positive, and activations keep the order of what is above zero.
        if layer.activation != "none":
            raise ModelError(f"the scales and means end with {layer.activation}, which heads of means do not have")
        # Twice the calibrated range must fit: a saturated mean costs rate, a spare bit costs nothing.
        fitting = int(exponent_for(2 * layer.peak[means], MEAN_BITS).min())
        room = min(MAX_MEAN_FRACTION, fitting, int(exponent[means].min()) - 1)
        if room < 0:
            raise ModelError("the model gives means beyond 2^18, which no trained model does")
    return Head(layer, weight, bias, signal.fraction, exponent, index_channels, room)


def head_layer(head: Head, mean_fraction: int, widths: Widths) -> FixedLayer:
    """Finish a head with means of `mean_fraction` bits, at most `head.room`."""
    scales = np.arange(len(head.exponent)) < head.index_channels
    shift = np.where(scales, 1, head.exponent - mean_fraction)
    integers = _layer(head.source, head.weight, head.bias, shift, "none", MEAN_BITS, widths)
    return FixedLayer(integers, head.source, head.read, widths.activation_bits, head.exponent)


def _weights(layer: FloatLayer, fraction: Int, limit: Int, widths: Widths) -> tuple[npt.NDArray[np.generic], Int, Int]:
    """Round weights to integers with one power-of-two scale per output channel; returns weights, biases, exponents."""
    # The layer reads integers a with value a * 2^-fraction, so the fraction of each input is folded into its weights.
    folded = np.ldexp(layer.weight, -fraction[None, :, None, None])
    largest = np.abs(folded).max(axis=(1, 2, 3))
    exponent = np.minimum(exponent_for(largest, widths.weight_bits), limit)
    exponent = np.minimum(exponent, _floor_log2(_MAX_BIAS / np.maximum(np.abs(layer.bias), 2.0**-40)))
    while True:
        weight = np.rint(np.ldexp(folded, exponent[:, None, None, None])).astype(np.int64)
        bias = np.rint(np.ldexp(layer.bias, exponent)).astype(np.int64)
        peak_bits = widths.activation_bits - 1
        reach = np.abs(weight).sum(axis=(1, 2, 3)) * (1 << peak_bits) + np.abs(bias) + (1 << _MAX_SHIFT - 1)
        too_large = (reach >= 1 << 31) & (widths.accumulator_bits == 32)
        if not too_large.any():
            return weight.astype(np.int8 if widths.weight_bits == 8 else np.int16), bias, exponent
        exponent = exponent - too_large


def _layer(
    layer: FloatLayer,
    weight: npt.NDArray[np.generic],
    bias: Int,
    shift: Int,
    activation: Literal["none", "relu", "leaky_relu"],
    output_bits: int,
    widths: Widths,
) -> Layer:
    return Layer(
        kind=layer.kind,
        weight=weight,  # type: ignore[arg-type]
        bias=bias.astype(np.int32),
        shift=shift.astype(np.uint8),
        stride=layer.stride,
        padding=layer.padding,
        output_padding=layer.output_padding,
        activation=activation,
        output_bits=output_bits,
        accumulator_bits=widths.accumulator_bits,
        upscale=layer.upscale,
    )


def exponent_for(peak: Float, bits: int) -> Int:
    """Return the largest e with round(peak * 2^e) <= 2^(bits-1) - 1, at most 40; exact."""
    limit = (1 << bits - 1) - 0.5
    exponent = np.minimum(_floor_log2(limit / np.maximum(peak, 2.0**-40)), 40)
    # The division rounds, so the result may be one too large.
    return exponent - (np.ldexp(peak, exponent) >= limit)


def _floor_log2(value: Float) -> Int:
    return np.frexp(value)[1].astype(np.int64) - 1
