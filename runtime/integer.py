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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

BLOB_VERSION = 2
MAX_LAYERS = 64
MAX_CHANNELS = 4096
MAX_KERNEL = 15
MAX_STRIDE = 8
MAX_THRESHOLDS = 255

_KINDS = ("conv", "conv_transpose", "subpixel")
_ACTIVATIONS = ("none", "relu", "leaky_relu")


@dataclass(frozen=True, eq=False)
class Layer:
    """One convolution with its requantisation, as docs/integer-net.md section 2 defines it.

    Attributes:
        kind: ``conv``, ``conv_transpose`` or ``subpixel``.
        weight: int8 or int16 ``[out, in, kernel_h, kernel_w]``, for both kinds; symmetric, so never the lowest value.
        bias: int32 ``[out]``.
        shift: uint8 ``[out]``, bits that requantisation drops, 1 to ``accumulator_bits - 2``.
        stride: of both axes, 1 to 8.
        padding: of both axes, smaller than the kernel.
        output_padding: of both axes, smaller than the stride; 0 for ``conv``.
        activation: ``none``, ``relu`` or ``leaky_relu`` (slope 41/4096); does not apply to the last layer.
        output_bits: width of the values handed on, 2 to 16 (to 24 in the last layer).
        accumulator_bits: 32, or 64 where 32 cannot be proved.
        upscale: 2 to 4 for ``subpixel``, else 1.
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


@dataclass(frozen=True, eq=False)
class Network:
    """An integer network: from hyper-latent symbols to table indexes and means.

    Attributes:
        input_bits: width that ``(symbol << input_shift) + input_offset`` is saturated to, 2 to 16.
        input_shift: fraction bits of the input, 0 to 15.
        input_offset: int32 ``[channels]``, the fixed-point medians.
        layers: 1 to 64 layers; the last one's output channels are the index head, then the mean head.
        index_channels: channels of the index head, 0 if there is none.
        thresholds: ``[index_channels, count]``, non-decreasing along each row; int32, or int64 where the last layer
            accumulates in 64 bits. A table index is the number of thresholds that the accumulator reaches.
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


def prove(network: Network) -> None:
    """Check that a network obeys docs/integer-net.md and that no accumulator can overflow, for any input whatsoever.

    Args:
        network: the network to check.

    Raises:
        ModelError: a limit is broken, an array has the wrong type or shape, or
            ``sum|weight| * 2^(b-1) + |bias| + 2^(s-1) < 2^(accumulator_bits-1)`` fails; names layer and channel.

    >>> layer = Layer("conv", np.full((1, 1, 1, 1), 127, np.int8), np.array([2**31 - 2**17], np.int32),
    ...               np.array([4], np.uint8), 1, 0, 0, "none", 8)
    >>> prove(Network(10, 3, np.zeros(1, np.int32), (layer,), 1, np.zeros((1, 63), np.int32)))
    >>> prove(Network(16, 3, np.zeros(1, np.int32), (layer,), 1, np.zeros((1, 63), np.int32)))
    Traceback (most recent call last):
    licrt.runtime.errors.ModelError: layer 0: channel 0 can overflow 32 bits; use narrower inputs or accumulator_bits=64
    """
    _expect(1 <= len(network.layers) <= MAX_LAYERS, f"an integer network has 1 to {MAX_LAYERS} layers")
    channels, bits = network.input_offset.size, network.input_bits
    _expect_in("input_bits", bits, 2, 16)
    _expect_in("input_shift", network.input_shift, 0, 15)
    _expect_array("input_offset", network.input_offset, (channels,), np.int32)
    for number, layer in enumerate(network.layers):
        last = number == len(network.layers) - 1
        _check_layer(f"layer {number}", layer, channels, 24 if last else 16)
        _prove_layer(number, layer, bits)
        channels, bits = int(layer.weight.shape[0]), layer.output_bits
    _check_index_head(network, channels)


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
    >>> to_blob(Network(8, 0, np.zeros(1, np.int32), (layer,), 1, np.zeros((1, 1), np.int32))).hex(" ", -4)[:53]
    '4c4e4554 02000000 01000000 01000000 08000000 00000000'
    """
    prove(network)
    return b"".join(_blob_parts(network))


def _blob_parts(network: Network) -> Iterator[bytes]:
    yield b"LNET"
    yield _words(BLOB_VERSION, len(network.layers), network.input_offset.size, network.input_bits, network.input_shift)
    yield _padded(network.input_offset)
    for layer in network.layers:
        out, channels, kernel_h, kernel_w = layer.weight.shape
        yield _words(_KINDS.index(layer.kind), channels, out, kernel_h, kernel_w)
        yield _words(layer.stride, layer.padding, layer.output_padding, layer.upscale, layer.weight.itemsize * 8)
        yield _words(layer.accumulator_bits, _ACTIVATIONS.index(layer.activation), layer.output_bits)
        yield _padded(layer.weight)
        yield _padded(layer.bias)
        yield _padded(layer.shift)
    thresholds = network.thresholds
    points, count = thresholds.shape[0] if thresholds.ndim == 3 else 1, thresholds.shape[-1]
    yield _words(network.index_channels, network.mean_channels, count if network.index_channels else 0, points)
    yield _padded(thresholds)


def _words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def _padded(array: NDArray[Any]) -> bytes:
    data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return data + bytes(-len(data) % 4)


def _check_layer(name: str, layer: Layer, channels: int, most_output_bits: int) -> None:
    _expect(layer.kind in _KINDS, f"{name}: kind is {layer.kind!r}, expected one of {_KINDS}")
    _expect(layer.activation in _ACTIVATIONS, f"{name}: activation is {layer.activation!r}, not in {_ACTIVATIONS}")
    bits = layer.accumulator_bits
    _expect(type(bits) is int and bits in (32, 64), f"{name}: accumulator_bits is {bits}, not 32 or 64")
    _expect(layer.weight.ndim == 4, f"{name}: weight has {layer.weight.ndim} axes, expected [out, in, height, width]")
    out, _, kernel_h, kernel_w = (int(size) for size in layer.weight.shape)
    _expect_in(f"{name}: output channels", out, 1, MAX_CHANNELS)
    _expect_in(f"{name}: input channels", channels, 1, MAX_CHANNELS)
    _expect_in(f"{name}: kernel height", kernel_h, 1, MAX_KERNEL)
    _expect_in(f"{name}: kernel width", kernel_w, 1, MAX_KERNEL)
    _expect_in(f"{name}: stride", layer.stride, 1, MAX_STRIDE)
    _expect_in(f"{name}: padding", layer.padding, 0, min(kernel_h, kernel_w) - 1)
    _expect_in(f"{name}: output_padding", layer.output_padding, 0, 0 if layer.kind == "conv" else layer.stride - 1)
    _expect_in(f"{name}: output_bits", layer.output_bits, 2, most_output_bits)
    _expect_array(f"{name}: weight", layer.weight, (out, channels, kernel_h, kernel_w), np.int8, np.int16)
    _expect_array(f"{name}: bias", layer.bias, (out,), np.int32)
    _expect_array(f"{name}: shift", layer.shift, (out,), np.uint8)
    lowest = int(np.iinfo(layer.weight.dtype).min)
    _expect(int(layer.weight.min()) > lowest, f"{name}: weight {lowest} is not symmetric, clip it to {lowest + 1}")
    for shift in (layer.shift.min(), layer.shift.max()):
        _expect_in(f"{name}: shift", int(shift), 1, layer.accumulator_bits - 2)


def _prove_layer(number: int, layer: Layer, input_bits: int) -> None:
    # int64 is exact here: the sum is below 2^50 for the widest layer allowed, and 2^(s-1) is at most 2^61.
    magnitude = np.abs(layer.weight.astype(np.int64)).sum(axis=(1, 2, 3)) << (input_bits - 1)
    rounding = np.left_shift(np.int64(1), layer.shift.astype(np.int64) - 1)
    bound = magnitude + np.abs(layer.bias.astype(np.int64)) + rounding
    overflowing = np.flatnonzero(bound > 2 ** (layer.accumulator_bits - 1) - 1)
    if overflowing.size:
        advice = "; use narrower inputs or accumulator_bits=64" if layer.accumulator_bits == 32 else ""
        msg = f"layer {number}: channel {overflowing[0]} can overflow {layer.accumulator_bits} bits{advice}"
        raise ModelError(msg)


def _check_index_head(network: Network, channels: int) -> None:
    _expect_in("index_channels", network.index_channels, 0, channels)
    wide = network.layers[-1].accumulator_bits == 64
    thresholds = network.thresholds
    _expect(thresholds.ndim == 2, f"thresholds have {thresholds.ndim} axes, expected [index_channels, count]")
    count = int(thresholds.shape[1])
    _expect_array("thresholds", thresholds, (network.index_channels, count), np.int64 if wide else np.int32)
    if network.index_channels:
        _expect_in("thresholds per channel", count, 1, MAX_THRESHOLDS)
        ordered = (thresholds[:, 1:] >= thresholds[:, :-1]).all(axis=1)
        _expect(bool(ordered.all()), f"thresholds of channel {int(np.argmin(ordered))} decrease, sort them")


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise ModelError(message)


def _expect_in(name: str, value: int, low: int, high: int) -> None:
    # Manifests come from anywhere, and JSON has 2.0 and true as well.
    _expect(type(value) is int and low <= value <= high, f"{name} is {value!r}, expected {low} to {high}")


def _expect_array(name: str, array: NDArray[Any], shape: tuple[int, ...], *dtypes: type) -> None:
    _expect(array.shape == shape, f"{name} has shape {array.shape}, expected {shape}")
    allowed = " or ".join(dtype.__name__ for dtype in dtypes)
    _expect(array.dtype in dtypes, f"{name} is {array.dtype}, expected {allowed}")
