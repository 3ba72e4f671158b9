"""Latents and their symbols: the arithmetic of docs/integer-net.md sections 5 and 8, a channel at a time.

A latent of a large picture takes hundreds of megabytes, so nothing here makes temporary arrays of its whole size.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from licrt.runtime.errors import ModelError

if TYPE_CHECKING:
    from licrt.runtime.context import Rates

Float = npt.NDArray[np.float32]
Int = npt.NDArray[np.int32]

MAX_SYMBOL = 1 << 15
_MAX_MAGNITUDE = (1 << 23) - 1  # of a dequantised symbol, so that |y_hat| < 2^24


def expect_finite(latent: Float) -> None:
    """Raise ModelError unless every number of a latent is finite."""
    if not all(np.isfinite(channel).all() for channel in latent):
        raise ModelError("the analysis gave a latent that is not finite; the model or the inference engine is broken")


def quantise(latent: Float, means: Int, fraction: int, rates: Rates | None = None, point: int = 0) -> Int:
    """Return the symbols round((y - mean) * gain), limited to what a stream may hold.

    Args:
        latent: float32 `[M, height, width]`, finite.
        means: int32 of the same shape, or with no channels where all are 0.
        fraction: fraction bits of the means.
        rates, point: rates of a variable-rate model, and which of its rate points; without rates the gain is 1.

    >>> quantise(np.float32([[[0.4, 1.6]]]), np.int32([[[0, 4]]]), 2).tolist()
    [[[0, 1]]]
    """
    symbols = np.empty(latent.shape, np.int32)
    gain = None
    if rates is not None:
        gain = np.float32(np.ldexp(1.0 / int(rates.multiplier[point]), int(rates.shift[point]) + fraction))
    for channel, values in enumerate(latent):
        residual = values - to_float(means[channel], fraction) if len(means) else values
        if gain is not None:
            with np.errstate(over="ignore"):  # infinity is limited like any other number
                residual = residual * gain
        symbols[channel] = np.clip(np.rint(residual), -MAX_SYMBOL, MAX_SYMBOL)
    return symbols


def dequantise(
    symbols: Int, indexes: Int, means: Int, fraction: int, rates: Rates | None = None, point: int = 0
) -> Int:
    """Turn symbols into latents with `fraction` fraction bits, in place: exact, on every machine.

    Args:
        symbols: int32 `[M, height, width]`, at most 2^15 in magnitude; overwritten with the result, which is returned.
        indexes: int32 of the same shape, the table of each symbol.
        means: int32 of the same shape, or with no channels where all are 0.
        fraction, rates, point: as in `quantise`.

    >>> dequantise(np.int32([[[0, -3]]]), np.int32([[[0, 0]]]), np.int32([[[7, 7]]]), 2).tolist()
    [[[7, -5]]]
    """
    for channel, values in enumerate(symbols):
        if rates is None:
            values <<= fraction
        else:
            # At most 2^15 * 2^30 + 2^40 + 2^29: far from the limits of int64.
            shift = int(rates.shift[point])
            scaled = np.abs(values, dtype=np.int64) * rates.multiplier[point]
            scaled += rates.offset[point][indexes[channel]] + (1 << (shift - 1))
            scaled >>= shift
            np.multiply(np.sign(values), scaled.clip(0, _MAX_MAGNITUDE), out=values, casting="unsafe")
        if len(means):
            values += means[channel]
    return symbols


def latent_crc(latent: Int) -> int:
    """Return the CRC-32 of `y_hat` as int32 little-endian in channel, row, column order."""
    return zlib.crc32(np.ascontiguousarray(latent, dtype="<i4").data)


def to_float(latent: Int, fraction: int) -> Float:
    """Return `y_hat` as float32, exactly: |y_hat| < 2^24."""
    scaled: Float = np.multiply(latent, np.float32(2.0**-fraction), dtype=np.float32)
    return scaled
