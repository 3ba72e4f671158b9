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


def run(network: Network, symbols: npt.NDArray[np.int32], crop_height: int, crop_width: int) -> tuple[Int, Int]:
    """Run a network.

    Args:
        network: a proved network.
        symbols: int `[channels, height, width]`.
        crop_height, crop_width: size of the latent.

    Returns:
        Table indexes `[index_channels, crop_height, crop_width]` and fixed-point means `[mean_channels, …]`, int64.
    """
    value = _saturate(
        (symbols.astype(np.int64) << network.input_shift) + network.input_offset[:, None, None], network.input_bits
    )
    for layer in network.layers[:-1]:
        value = _activate(_requantise(_accumulate(layer, value), layer), layer.activation)
    last = network.layers[-1]
    accumulator = _accumulate(last, value)[:, :crop_height, :crop_width]
    split = network.index_channels
    thresholds = network.thresholds.astype(np.int64)
    indexes = np.zeros((split, crop_height, crop_width), np.int64)
    for count in range(thresholds.shape[1]):
        indexes += accumulator[:split] >= thresholds[:, count, None, None]
    return indexes, _requantise(accumulator, last)[split:]


def output_side(layer: Layer, side: int, kernel: int) -> int:
    """Return a layer's output size along one axis, from its input size and its kernel's along that axis."""
    if layer.kind == "conv":
        return (side + 2 * layer.padding - kernel) // layer.stride + 1
    return (side - 1) * layer.stride - 2 * layer.padding + kernel + layer.output_padding


def output_size(network: Network, height: int, width: int) -> tuple[int, int]:
    """Return a network's output size before cropping."""
    for layer in network.layers:
        height = output_side(layer, height, layer.weight.shape[2])
        width = output_side(layer, width, layer.weight.shape[3])
    return height, width


def _accumulate(layer: Layer, value: Int) -> Int:
    weight = layer.weight.astype(np.int64)
    kernel_h, kernel_w = weight.shape[2:]
    height, width = output_side(layer, value.shape[1], kernel_h), output_side(layer, value.shape[2], kernel_w)
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


def _requantise(accumulator: Int, layer: Layer) -> Int:
    shift = layer.shift.astype(np.int64)[:, None, None]
    return _saturate((accumulator + (1 << (shift - 1))) >> shift, layer.output_bits)


def _activate(value: Int, activation: str) -> Int:
    if activation == "relu":
        return np.maximum(value, 0)
    if activation == "leaky_relu":
        return np.where(value < 0, (41 * value + 2048) >> 12, value)
    return value


def _saturate(value: Int, bits: int) -> Int:
    return np.clip(value, -(1 << bits - 1), (1 << bits - 1) - 1)
