"""Integer networks: the exact arithmetic that tells a decoder which table codes the next symbol.

A float hyper-synthesis gives different table indexes on different machines, and one wrong index ruins a stream. Export
therefore turns it into a network of integers (docs/integer-net.md), as in Ballé et al., "Integer Networks for Data
Compression with Latent-Variable Models" (ICLR 2019). This module describes such a network, proves that it cannot
overflow, and serialises it to the blob that the native engine loads and runs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from licrt.runtime.errors import ModelError
from licrt.runtime.expect import expect, expect_array, expect_in, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

BLOB_VERSION = 2
MAX_LAYERS = 64
MAX_CHANNELS = 4096
MAX_KERNEL = 15
MAX_STRIDE = 8
MAX_UPSCALE = 4
MAX_THRESHOLDS = 255
MAX_RATE_POINTS = 256

_KINDS = ("conv", "conv_transpose", "subpixel")
_ACTIVATIONS = ("none", "relu", "leaky_relu")


@dataclass(frozen=True, eq=False)
class Layer:
    """One convolution with its requantisation, as docs/integer-net.md section 2 defines it.

    Attributes:
        kind: ``conv``, ``conv_transpose``, or ``subpixel``: a convolution, then its channels laid side by side.
        weight: int8 or int16 ``[out, in, kernel_h, kernel_w]``, for all kinds; symmetric, so never the lowest value.
        bias: int32 ``[out]``.
        shift: uint8 ``[out]``, bits that requantisation drops, 1 to ``accumulator_bits - 2``.
        stride: of both axes, 1 to 8.
        padding: of both axes, smaller than the kernel.
        output_padding: of both axes, smaller than the stride; 0 but for ``conv_transpose``.
        activation: ``none``, ``relu`` or ``leaky_relu`` (slope 41/4096); does not apply to the last layer.
        output_bits: width of the values handed on, 2 to 16 (to 24 in the last layer).
        accumulator_bits: 32, or 64 where 32 cannot be proved.
        upscale: 2 to 4 for ``subpixel``, whose ``out`` channels become ``out / upscale**2``; 1 for the others.
    """

    kind: Literal["conv", "conv_transpose", "subpixel"]
    weight: NDArray[np.int8] | NDArray[np.int16]
    bias: NDArray[np.int32]
    shift: NDArray[np.uint8]
    stride: int
    padding: int
    output_padding: int
    activation: Literal["none", "relu", "leaky_relu"]
    output_bits: int
    accumulator_bits: int = 32
    upscale: int = 1

    @property
    def channels_out(self) -> int:
        """Channels that the next layer reads."""
        return int(self.weight.shape[0]) // self.upscale**2


@dataclass(frozen=True, eq=False)
class Network:
    """An integer network: from hyper-latent symbols to table indexes and means, or from anything to features.

    Features are the means of a network without index head; a context model reads them (docs/integer-net.md section 7).

    Attributes:
        input_bits: width that ``(symbol << input_shift) + input_offset`` is saturated to, 2 to 16.
        input_shift: fraction bits of the input, 0 to 15.
        input_offset: int32 ``[channels]``, the fixed-point medians.
        layers: 1 to 64 layers; the last one's output channels are the index head, then the mean head.
        index_channels: channels of the index head, 0 if there is none.
        thresholds: ``[rate_points, index_channels, count]``, non-decreasing along each row; int32, or int64 where the
            last layer accumulates in 64 bits. A table index is the number of thresholds that the accumulator reaches.
            Models of a single rate, and networks without index head, have one rate point.
    """

    input_bits: int
    input_shift: int
    input_offset: NDArray[np.int32]
    layers: tuple[Layer, ...]
    index_channels: int
    thresholds: NDArray[np.int32] | NDArray[np.int64]

    @property
    def mean_channels(self) -> int:
        """Channels of the mean head: those of the last layer that are not index channels."""
        return int(self.layers[-1].weight.shape[0]) - self.index_channels

    @property
    def rate_points(self) -> int:
        """How many sets of thresholds there are."""
        return int(self.thresholds.shape[0])


def prove(network: Network) -> None:
    """Check that a network obeys docs/integer-net.md and that no accumulator can overflow, for any input whatsoever.

    Args:
        network: the network to check.

    Raises:
        ModelError: a limit is broken, an array has the wrong type or shape, or
            ``sum|weight| * 2^(b-1) + |bias| + 2^(s-1) < 2^(accumulator_bits-1)`` fails; names layer and channel.

    >>> layer = Layer("conv", np.full((1, 1, 1, 1), 127, np.int8), np.array([2**31 - 2**17], np.int32),
    ...               np.array([4], np.uint8), 1, 0, 0, "none", 8)
    >>> prove(Network(10, 3, np.zeros(1, np.int32), (layer,), 1, np.zeros((1, 1, 63), np.int32)))
    >>> prove(Network(16, 3, np.zeros(1, np.int32), (layer,), 1, np.zeros((1, 1, 63), np.int32)))
    Traceback (most recent call last):
    licrt.runtime.errors.ModelError: layer 0: channel 0 can overflow 32 bits; use narrower inputs or accumulator_bits=64
    """
    expect(1 <= len(network.layers) <= MAX_LAYERS, f"an integer network has 1 to {MAX_LAYERS} layers")
    channels, bits = network.input_offset.size, network.input_bits
    expect_in("input_bits", bits, 2, 16)
    expect_in("input_shift", network.input_shift, 0, 15)
    expect_array("input_offset", network.input_offset, (channels,), np.int32)
    prove_layers("layer", network.layers, channels, bits, 24)
    last = network.layers[-1]
    expect(last.kind != "subpixel", "the last layer is a sub-pixel convolution, which has no heads; append a layer")
    expect_in("index_channels", network.index_channels, 0, last.channels_out)
    check_thresholds("thresholds", network.thresholds, network.index_channels, last.accumulator_bits)


def prove_layers(name: str, layers: Sequence[Layer], channels: int, bits: int, most_output_bits: int) -> None:
    """Check layers that read one another, and prove that none can overflow.

    Args:
        name: what errors call a layer, before its number.
        layers: the layers, in order.
        channels, bits: what the first one reads.
        most_output_bits: of the last layer; the others have at most 16.

    Raises:
        ModelError: as :func:`prove`.
    """
    for number, layer in enumerate(layers):
        last = number == len(layers) - 1
        _check_layer(f"{name} {number}", layer, channels, most_output_bits if last else 16)
        prove_sums(f"{name} {number}", layer, layer.bias, bits)
        channels, bits = layer.channels_out, layer.output_bits


def to_blob(network: Network) -> bytes:
    """Serialise a network for the native engine (docs/integer-net.md section 6), after :func:`prove`.

    Args:
        network: the network to write.

    Returns:
        The blob; equal networks give equal bytes.

    Raises:
        ModelError: as :func:`prove`.

    >>> layer = Layer("conv", np.ones((1, 1, 1, 1), np.int8), np.zeros(1, np.int32), np.ones(1, np.uint8),
    ...               1, 0, 0, "none", 8)
    >>> to_blob(Network(8, 0, np.zeros(1, np.int32), (layer,), 1, np.zeros((1, 1, 1), np.int32))).hex(" ", -4)[:53]
    '4c4e4554 02000000 01000000 01000000 08000000 00000000'
    """
    prove(network)
    return b"".join(_blob_parts(network))


def _blob_parts(network: Network) -> Iterator[bytes]:
    yield b"LNET"
    yield words(BLOB_VERSION, len(network.layers), network.input_offset.size, network.input_bits, network.input_shift)
    yield padded(network.input_offset)
    for layer in network.layers:
        yield from layer_parts(layer)
    yield from head_parts(network.thresholds, network.mean_channels)


def layer_parts(layer: Layer) -> Iterator[bytes]:
    """Serialise one layer: LAYER of docs/integer-net.md section 6."""
    out, channels, kernel_h, kernel_w = layer.weight.shape
    yield words(_KINDS.index(layer.kind), channels, out, kernel_h, kernel_w)
    yield words(layer.stride, layer.padding, layer.output_padding, layer.upscale, layer.weight.itemsize * 8)
    yield words(layer.accumulator_bits, _ACTIVATIONS.index(layer.activation), layer.output_bits)
    yield padded(layer.weight)
    yield padded(layer.bias)
    yield padded(layer.shift)


def head_parts(thresholds: NDArray[Any], mean_channels: int) -> Iterator[bytes]:
    """Serialise the heads: HEADS of docs/integer-net.md section 6."""
    rate_points, index_channels, count = thresholds.shape
    yield words(index_channels, mean_channels, count if index_channels else 0, rate_points)
    yield padded(thresholds)


def words(*values: int) -> bytes:
    """Serialise numbers as u32."""
    return struct.pack(f"<{len(values)}I", *values)


def padded(array: NDArray[Any]) -> bytes:
    """Serialise an array, little-endian, padded with zero bytes to a multiple of 4."""
    data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return data + bytes(-len(data) % 4)


def _check_layer(name: str, layer: Layer, channels: int, most_output_bits: int) -> None:
    expect(layer.kind in _KINDS, f"{name}: kind is {shown(layer.kind)}, expected one of {_KINDS}")
    expect(layer.activation in _ACTIVATIONS, f"{name}: activation is {shown(layer.activation)}, not in {_ACTIVATIONS}")
    bits = layer.accumulator_bits
    expect(type(bits) is int and bits in (32, 64), f"{name}: accumulator_bits is {shown(bits)}, not 32 or 64")
    expect(layer.weight.ndim == 4, f"{name}: weight has {layer.weight.ndim} axes, expected [out, in, height, width]")
    out, _, kernel_h, kernel_w = (int(size) for size in layer.weight.shape)
    expect_in(f"{name}: output channels", out, 1, MAX_CHANNELS)
    expect_in(f"{name}: input channels", channels, 1, MAX_CHANNELS)
    expect_in(f"{name}: kernel height", kernel_h, 1, MAX_KERNEL)
    expect_in(f"{name}: kernel width", kernel_w, 1, MAX_KERNEL)
    expect_in(f"{name}: stride", layer.stride, 1, MAX_STRIDE)
    transposed = layer.kind == "conv_transpose"
    expect_in(f"{name}: padding", layer.padding, 0, min(kernel_h, kernel_w) - 1)
    expect_in(f"{name}: output_padding", layer.output_padding, 0, layer.stride - 1 if transposed else 0)
    low, high = (2, MAX_UPSCALE) if layer.kind == "subpixel" else (1, 1)
    expect_in(f"{name}: upscale", layer.upscale, low, high)
    expect(out % layer.upscale**2 == 0, f"{name}: {out} output channels are no multiple of {layer.upscale}²")
    expect_in(f"{name}: output_bits", layer.output_bits, 2, most_output_bits)
    expect_array(f"{name}: weight", layer.weight, (out, channels, kernel_h, kernel_w), np.int8, np.int16)
    expect_array(f"{name}: bias", layer.bias, (out,), np.int32)
    expect_array(f"{name}: shift", layer.shift, (out,), np.uint8)
    lowest = int(np.iinfo(layer.weight.dtype).min)
    expect(int(layer.weight.min()) > lowest, f"{name}: weight {lowest} is not symmetric, clip it to {lowest + 1}")
    for shift in (layer.shift.min(), layer.shift.max()):
        expect_in(f"{name}: shift", int(shift), 1, layer.accumulator_bits - 2)


def prove_sums(name: str, layer: Layer, bias: NDArray[np.int32], input_bits: int) -> None:
    """Prove that no sum of a layer with this bias can overflow, for any input of so many bits; raises ModelError."""
    # Weights are symmetric, so their magnitudes fit their own type. int64 is exact: the sum is below 2^50 for the
    # widest layer allowed, and 2^(s-1) is at most 2^61.
    magnitude = np.abs(layer.weight).sum(axis=(1, 2, 3), dtype=np.int64) << (input_bits - 1)
    rounding = np.left_shift(np.int64(1), layer.shift.astype(np.int64) - 1)
    bound = magnitude + np.abs(bias.astype(np.int64)) + rounding
    overflowing = np.flatnonzero(bound > 2 ** (layer.accumulator_bits - 1) - 1)
    if overflowing.size:
        advice = "; use narrower inputs or accumulator_bits=64" if layer.accumulator_bits == 32 else ""
        raise ModelError(f"{name}: channel {overflowing[0]} can overflow {layer.accumulator_bits} bits{advice}")


def check_thresholds(name: str, thresholds: NDArray[Any], index_channels: int, accumulator_bits: int) -> None:
    """Check the thresholds of an index head; raises ModelError."""
    expect(thresholds.ndim == 3, f"{name} have {thresholds.ndim} axes, expected [rate_points, index_channels, count]")
    rate_points, _, count = (int(size) for size in thresholds.shape)
    dtype = np.int64 if accumulator_bits == 64 else np.int32
    expect_array(name, thresholds, (rate_points, index_channels, count), dtype)
    expect_in(f"rate points of {name}", rate_points, 1, MAX_RATE_POINTS)
    if index_channels:
        expect_in(f"{name} per channel", count, 1, MAX_THRESHOLDS)
        ordered = (thresholds[..., 1:] >= thresholds[..., :-1]).all(axis=(0, 2))
        expect(bool(ordered.all()), f"{name} of channel {int(np.argmin(ordered))} decrease, sort them")
