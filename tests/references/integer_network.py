"""Integer networks once more, with numpy int64, one tap at a time, straight from docs/integer-net.md."""

from __future__ import annotations

import numpy as np


def saturate(values, bits):
    return np.clip(values, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def output_side(layer, side, kernel):
    if layer.kind == "conv":
        return (side + 2 * layer.padding - kernel) // layer.stride + 1
    return (side - 1) * layer.stride - 2 * layer.padding + kernel + layer.output_padding


def accumulate(layer, values):
    """int64 ``[out, height, width]`` for int64 ``values[in, height, width]``."""
    weight = layer.weight.astype(np.int64)
    out, _, kernel_h, kernel_w = weight.shape
    _, height, width = values.shape
    out_h, out_w = output_side(layer, height, kernel_h), output_side(layer, width, kernel_w)
    acc = np.repeat(layer.bias.astype(np.int64), out_h * out_w).reshape(out, out_h, out_w)
    for ky in range(kernel_h):
        for kx in range(kernel_w):
            for v in range(out_h if layer.kind == "conv" else height):
                for u in range(out_w if layer.kind == "conv" else width):
                    far_y, far_x = v * layer.stride - layer.padding + ky, u * layer.stride - layer.padding + kx
                    limit_h, limit_w = (height, width) if layer.kind == "conv" else (out_h, out_w)
                    if not (0 <= far_y < limit_h and 0 <= far_x < limit_w):
                        continue
                    if layer.kind == "conv":
                        acc[:, v, u] += weight[:, :, ky, kx] @ values[:, far_y, far_x]
                    else:
                        acc[:, far_y, far_x] += weight[:, :, ky, kx] @ values[:, v, u]
    return acc


def requantise(layer, acc):
    shift = layer.shift.astype(np.int64)[:, None, None]
    return saturate((acc + (np.int64(1) << (shift - 1))) >> shift, layer.output_bits)


def activate(layer, values):
    if layer.activation == "relu":
        return np.maximum(values, 0)
    if layer.activation == "leaky_relu":
        return np.where(values < 0, (41 * values + 2048) >> 12, values)
    return values


def output_size(network, height, width):
    for layer in network.layers:
        height = output_side(layer, height, layer.weight.shape[2])
        width = output_side(layer, width, layer.weight.shape[3])
    return height, width


def run(network, symbols, crop_height, crop_width):
    """int32 ``indexes`` and ``means`` for int32 ``symbols[channels, height, width]``."""
    values = (symbols.astype(np.int64) << network.input_shift) + network.input_offset.astype(np.int64)[:, None, None]
    values = saturate(values, network.input_bits)
    *hidden, last = network.layers
    for layer in hidden:
        values = activate(layer, requantise(layer, accumulate(layer, values)))
    acc = accumulate(last, values)[:, :crop_height, :crop_width]
    heads = network.index_channels
    thresholds = network.thresholds.astype(np.int64)[:, :, None, None]
    indexes = (acc[:heads, None] >= thresholds).sum(axis=1) if heads else acc[:0]
    means = requantise(last, np.where(np.arange(len(acc))[:, None, None] < heads, 0, acc))[heads:]
    return indexes.astype(np.int32), means.astype(np.int32)
