"""Frequency tables for tests of the coder."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np


def stack(rows, offsets):
    """int32 cdf, lengths and offsets of rows of different lengths."""
    cdf = np.zeros((len(rows), max(len(row) for row in rows)), np.int32)
    for line, row in zip(cdf, rows, strict=True):
        line[: len(row)] = row
    return cdf, np.array([len(row) for row in rows], np.int32), np.array(offsets, np.int32)


def gaussian_tables(scales):
    """Tables of the shapes that CompressAI gives its Gaussians: support of 6.1 scales, then the escape."""
    normal, rows, offsets = NormalDist(), [], []
    for scale in scales:
        centre = int(np.ceil(6.11 * scale))
        symbols = 2 * centre + 1
        inner = [normal.cdf((symbol - centre + 0.5) / scale) for symbol in range(symbols - 1)]
        edges = [0] + [symbol + 1 + int(p * (65535 - symbols)) for symbol, p in enumerate(inner)] + [65535, 65536]
        rows.append(edges)
        offsets.append(-centre)
    return stack(rows, offsets)


def scale_table():
    """CompressAI's 64 scales."""
    return np.exp(np.linspace(np.log(0.11), np.log(256), 64))


def geometric_tables(count):
    """Tables from integer arithmetic alone, ever wider, so that they are the same on every machine."""
    rows, offsets = [], []
    for decay in range(1, count + 1):
        weights = [1 << 24]
        while weights[-1] > 1 << 10 and len(weights) < 4 * decay:
            weights.append(weights[-1] * decay // (decay + 1))
        weights = weights[:0:-1] + weights
        left = 65535 - len(weights)
        frequencies = [1 + weight * left // sum(weights) for weight in weights]
        frequencies[len(weights) // 2] += 65535 - sum(frequencies)
        rows.append([0, *(sum(frequencies[: n + 1]) for n in range(len(weights))), 65536])
        offsets.append(-(len(weights) // 2))
    return stack(rows, offsets)


class Sequence:
    """Numbers that never change with a version of numpy: a 64-bit linear congruential generator."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % limit
