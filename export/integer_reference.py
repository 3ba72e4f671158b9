"""Integer networks in plain numpy int64: slow, short, and written from docs/integer-net.md alone.

It is what the native engine is compared with, in the tests and by `export-model --check`. Nothing at run time uses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from licrt.runtime.integer import Layer, Network

Int = npt.NDArray[np.int64]


def run(
    network: Network, symbols: npt.NDArray[np.int32], crop_height: int, crop_width: int, point: int = 0
) -> tuple[Int, Int]:
    """Run a network (sections 1 to 4).

    Args:
        network: a proved network.
        symbols: int `[channels, height, width]`.
        crop_height, crop_width: size of the latent.
        point: rate point, which chooses the thresholds.

    Returns:
        Table indexes `[index_channels, crop_height, crop_width]` and fixed-point means `[mean_channels, …]`, int64.
    """
    value = saturate(
        (symbols.astype(np.int64) << network.input_shift) + network.input_offset[:, None, None], network.input_bits
    )
    for layer in network.layers[:-1]:
        value = _shuffle(activate(requantise(_accumulate(layer, value), layer), layer.activation), layer.upscale)
    last = network.layers[-1]
    accumulator = _accumulate(last, value)[:, :crop_height, :crop_width]
    split = network.index_channels
    return reached(accumulator[:split], network.thresholds[point]), requantise(accumulator, last)[split:]


def reached(accumulator: Int, thresholds: npt.NDArray[np.signedinteger]) -> Int:
    """Return how many thresholds `[channels, count]` an accumulator `[channels, …]` reaches."""
    indexes = np.zeros(accumulator.shape, np.int64)
    for row in thresholds.T:
        indexes += accumulator >= row.astype(np.int64).reshape(-1, *[1] * (accumulator.ndim - 1))
    return indexes


def output_side(layer: Layer, side: int, kernel: int) -> int:
    """Return a layer's output size along one axis, from its input size and its kernel's along that axis."""
    if layer.kind == "conv_transpose":
        return (side - 1) * layer.stride - 2 * layer.padding + kernel + layer.output_padding
    return ((side + 2 * layer.padding - kernel) // layer.stride + 1) * layer.upscale


def output_size(network: Network, height: int, width: int) -> tuple[int, int]:
    """Return a network's output size before cropping."""
    for layer in network.layers:
        height = output_side(layer, height, layer.weight.shape[2])
        width = output_side(layer, width, layer.weight.shape[3])
    return height, width


def _accumulate(layer: Layer, value: Int) -> Int:
    weight = layer.weight.astype(np.int64)
    kernel_h, kernel_w = weight.shape[2:]
    height = output_side(layer, value.shape[1], kernel_h) // layer.upscale
    width = output_side(layer, value.shape[2], kernel_w) // layer.upscale
    if layer.kind == "conv_transpose":
        # A transposed convolution is a convolution of the input with zeros put between its samples.
        value, weight = _spread(layer, value), weight[:, :, ::-1, ::-1]
        stride, padding = 1, layer.weight.shape[2] - 1 - layer.padding
        padding_w = layer.weight.shape[3] - 1 - layer.padding
    else:
        stride, padding, padding_w = layer.stride, layer.padding, layer.padding
    extra = layer.output_padding
    value = _pad(value, padding, padding + extra, padding_w, padding_w + extra)
    total = np.zeros((weight.shape[0], height, width), np.int64) + layer.bias.astype(np.int64)[:, None, None]
    for y in range(kernel_h):
        for x in range(kernel_w):
            window = value[:, y : y + stride * (height - 1) + 1 : stride, x : x + stride * (width - 1) + 1 : stride]
            total += np.tensordot(weight[:, :, y, x], window, axes=1)
    return total


def _spread(layer: Layer, value: Int) -> Int:
    channels, height, width = value.shape
    spread = np.zeros((channels, (height - 1) * layer.stride + 1, (width - 1) * layer.stride + 1), np.int64)
    spread[:, :: layer.stride, :: layer.stride] = value
    return spread


def _pad(value: Int, top: int, bottom: int, left: int, right: int) -> Int:
    """Pad with zeros; negative amounts crop, which padding larger than the kernel asks for."""
    padded = np.pad(value, ((0, 0), (max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))))
    rows = slice(max(-top, 0), padded.shape[1] - max(-bottom, 0))
    return padded[:, rows, max(-left, 0) : padded.shape[2] - max(-right, 0)]


def _shuffle(value: Int, upscale: int) -> Int:
    """Lay the channels of a sub-pixel convolution side by side, as `PixelShuffle` does."""
    channels, height, width = value.shape
    blocks = value.reshape(channels // upscale**2, upscale, upscale, height, width).transpose(0, 3, 1, 4, 2)
    return np.reshape(blocks, (-1, height * upscale, width * upscale))


def requantise(accumulator: Int, layer: Layer) -> Int:
    """Drop a layer's `shift` bits from its accumulator `[out, …]`, with rounding and saturation (section 2)."""
    shift = layer.shift.astype(np.int64).reshape(-1, *[1] * (accumulator.ndim - 1))
    return saturate((accumulator + (1 << (shift - 1))) >> shift, layer.output_bits)


def activate(value: Int, activation: str) -> Int:
    """Apply an activation to requantised values (section 2)."""
    if activation == "relu":
        return np.maximum(value, 0)
    if activation == "leaky_relu":
        return np.where(value < 0, (41 * value + 2048) >> 12, value)
    return value


def saturate(value: Int, bits: int) -> Int:
    """Limit values to those of so many signed bits."""
    return np.clip(value, -(1 << bits - 1), (1 << bits - 1) - 1)
