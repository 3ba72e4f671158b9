"""A float hyper-synthesis becomes an integer network (docs/integer-net.md).

Only powers of two are ever chosen here, from float weights and calibrated ranges, so the result does not depend on the
last bits of a float sum: the same checkpoint gives the same integers with any number of threads.

Every channel gets its own power-of-two scale, folded into the weights before and after it. That makes the result
invariant to the function-preserving rescaling of hidden channels, and gives small channels all their bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from licrt.runtime.bundle import MAX_MEAN_FRACTION
from licrt.runtime.errors import ModelError
from licrt.runtime.integer import Layer, Network, prove

if TYPE_CHECKING:
    from collections.abc import Sequence

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


# Tried in this order until the check is content (docs/adr/0002-widths.md).
ESCALATION = (
    Widths(8, 10),
    Widths(8, 12),
    Widths(8, 13),
    Widths(16, 13),
    Widths(16, 14),
    Widths(16, 13, 64),
    Widths(16, 15, 64),
)

# For exports that measure nothing: the most faithful of those that cost no time.
UNCHECKED = Widths(16, 14)


@dataclass(frozen=True)
class FloatLayer:
    """One float convolution of the hyper-synthesis, and the range that its output was seen to have.

    Attributes:
        kind, stride, padding, output_padding, activation: as in `licrt.runtime.integer.Layer`.
        weight: float64 `[out, in, kernel_h, kernel_w]`, for both kinds.
        bias: float64 `[out]`.
        peak: float64 `[out]`, the largest magnitude before the activation that must be represented.
    """

    kind: Literal["conv", "conv_transpose"]
    weight: Float
    bias: Float
    stride: int
    padding: int
    output_padding: int
    activation: Literal["none", "relu", "leaky_relu"]
    peak: Float


def quantise(
    layers: Sequence[FloatLayer],
    medians: Float,
    input_peak: float,
    scale_table: Float,
    index_channels: int,
    widths: Widths,
) -> tuple[Network, int]:
    """Build the integer network of a hyper-synthesis.

    Args:
        layers: the float layers, in order.
        medians: float64 `[channels]`, of the hyper-latent's prior.
        input_peak: largest magnitude of the hyper-latent in the calibration set.
        scale_table: float64 `[tables]`, the scales of the Gaussian tables, increasing.
        index_channels: how many output channels of the last layer are scales; the rest are means.
        widths: bits to use.

    Returns:
        The network, proved, and the fraction bits of its means.

    Raises:
        ModelError: the network cannot be represented in these widths.
    """
    bits = widths.activation_bits
    input_shift = int(np.clip(_exponent(np.array([input_peak]), bits)[0], 0, bits - 1))
    offset = np.rint(np.ldexp(medians, input_shift)).astype(np.int32)
    fraction = np.full(len(medians), input_shift)  # of each channel that a layer reads
    hidden, reach = [], np.maximum(np.abs(medians) + input_peak, 0)
    for layer in layers[:-1]:
        quantised, fraction, reach = _hidden_layer(layer, fraction, reach, widths)
        hidden.append(quantised)
    last, weight_exponent, mean_fraction = _last_layer(layers[-1], fraction, index_channels, widths)
    thresholds = _thresholds(scale_table, weight_exponent[:index_channels], last.accumulator_bits)
    network = Network(bits, input_shift, offset, (*hidden, last), index_channels, thresholds)
    prove(network)
    return network, mean_fraction


def _hidden_layer(layer: FloatLayer, fraction: Int, reach: Float, widths: Widths) -> tuple[Layer, Int, Float]:
    # A channel that calibration never saw active still needs a range: a share of what its weights could reach.
    bound = np.einsum("oiyx,i->o", np.abs(layer.weight), reach) + np.abs(layer.bias)
    peak = np.maximum(layer.peak, bound / 64)
    output_fraction = _exponent(peak, widths.activation_bits)
    weight, bias, exponent = _weights(layer, fraction, output_fraction + _MAX_SHIFT, widths)
    # Requantisation drops at least one bit, so very coarse weights coarsen their output too.
    output_fraction = np.minimum(output_fraction, exponent - 1)
    quantised = _layer(
        layer, weight, bias, exponent - output_fraction, layer.activation, widths.activation_bits, widths
    )
    return quantised, output_fraction, peak


def _last_layer(layer: FloatLayer, fraction: Int, index_channels: int, widths: Widths) -> tuple[Layer, Int, int]:
    weight, bias, exponent = _weights(layer, fraction, np.full(len(layer.bias), _MAX_SHIFT), widths)
    means = slice(index_channels, None)
    mean_fraction = 0
    if len(exponent[means]):
        # Scales need none of it: thresholds are positive, and activations keep the order of what is above zero.
        if layer.activation != "none":
            raise ModelError(f"the hyper-synthesis ends with {layer.activation}, which heads of means do not have")
        # Twice the calibrated range must fit: a saturated mean costs rate, a spare bit costs nothing.
        room = int(_exponent(2 * layer.peak[means], MEAN_BITS).min())
        mean_fraction = min(MAX_MEAN_FRACTION, room, int(exponent[means].min()) - 1)
        if mean_fraction < 0:
            raise ModelError("the hyper-synthesis gives means beyond 2^18, which no trained model does")
    shift = np.where(np.arange(len(exponent)) < index_channels, 1, exponent - mean_fraction)
    return _layer(layer, weight, bias, shift, "none", MEAN_BITS, widths), exponent, mean_fraction


def _weights(layer: FloatLayer, fraction: Int, limit: Int, widths: Widths) -> tuple[npt.NDArray[np.generic], Int, Int]:
    """Round weights to integers with one power-of-two scale per output channel; returns weights, biases, exponents."""
    # The layer reads integers a with value a * 2^-fraction, so the fraction of each input is folded into its weights.
    folded = np.ldexp(layer.weight, -fraction[None, :, None, None])
    largest = np.abs(folded).max(axis=(1, 2, 3))
    exponent = np.minimum(_exponent(largest, widths.weight_bits), limit)
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
    )


def _thresholds(
    scale_table: Float, exponent: Int, accumulator_bits: int
) -> npt.NDArray[np.int32] | npt.NDArray[np.int64]:
    """Index = number of table entries but the last below the scale; a value above entry t is at least floor(t) + 1."""
    exact: Float = np.floor(np.ldexp(scale_table[None, :-1], exponent[:, None])) + 1
    if accumulator_bits == 32:
        return exact.clip(max=2.0**31 - 1).astype(np.int32)[None]
    return exact.clip(max=2.0**62).astype(np.int64)[None]


def _exponent(peak: Float, bits: int) -> Int:
    """Return the largest e with round(peak * 2^e) <= 2^(bits-1) - 1, at most 40; exact."""
    limit = (1 << bits - 1) - 0.5
    exponent = np.minimum(_floor_log2(limit / np.maximum(peak, 2.0**-40)), 40)
    # The division rounds, so the result may be one too large.
    return exponent - (np.ldexp(peak, exponent) >= limit)


def _floor_log2(value: Float) -> Int:
    return np.frexp(value)[1].astype(np.int64) - 1
