"""Quantised cumulative distributions, the same integers as CompressAI's."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


def pmf_to_quantized_cdf(pmf: NDArray[np.float32], precision: int = 16) -> NDArray[np.int32]:
    """Quantise a probability mass function so that every symbol keeps a frequency of at least one.

    Frequencies are ``floor(2^precision * round(p * 2^precision) / total)``, the last symbol takes what is missing from
    2^precision, and every symbol of frequency zero takes one from the symbol of least frequency above one, the first of
    equals. ``pmf`` need not sum to one. (Same rule as CompressAI's ``pmf_to_quantized_cdf``.)

    Args:
        pmf: probabilities, float32 ``[symbols]``.
        precision: bits of the cumulative frequencies, 1 to 16.

    Returns:
        Cumulative frequencies, int32 ``[symbols + 1]``, strictly increasing from 0 to 2^precision.

    Raises:
        ValueError: a probability is negative or not finite, all of them round to zero, their sum is 2^15 or more, or
            there are more symbols than frequencies.

    >>> pmf_to_quantized_cdf(np.array([0.1, 0.2, 0, 0], np.float32)).tolist()
    [0, 21845, 65534, 65535, 65536]
    """
    pmf = np.asarray(pmf, np.float32)
    whole = 1 << precision
    if pmf.ndim != 1 or not np.all(np.isfinite(pmf)) or np.any(pmf < 0):
        raise ValueError("a probability is negative or not finite; expected a float array [symbols] of pmf values")
    # The product is exact, and so is adding a half in float64: ties go up, as in C's round.
    counts = np.floor(pmf.astype(np.float64) * whole + 0.5)
    total = int(counts.sum()) if counts.sum() < 2**31 else 0
    if total == 0:
        raise ValueError(f"the probabilities sum to {pmf.sum()}; expected about 1")
    if pmf.size > whole:
        raise ValueError(f"{pmf.size} symbols do not fit into {whole} frequencies; raise the precision")
    frequencies = (counts.astype(np.uint64) * whole // total).astype(np.int64)
    frequencies[-1] += whole - frequencies.sum()
    _lift_zeros(frequencies)
    return np.concatenate([[0], np.cumsum(frequencies)]).astype(np.int32)


def _lift_zeros(frequencies: NDArray[np.int64]) -> None:
    """Gives every zero a one, each taken from the least frequency above one (the first of equals), in place."""
    donors = [(int(frequencies[symbol]), int(symbol)) for symbol in np.flatnonzero(frequencies > 1)]
    heapq.heapify(donors)
    for symbol in np.flatnonzero(frequencies == 0):
        frequency, donor = donors[0]
        frequencies[symbol], frequencies[donor] = 1, frequency - 1
        if frequency > 2:
            heapq.heapreplace(donors, (frequency - 1, donor))
        else:
            heapq.heappop(donors)


def cdf_table(pmfs: Iterable[NDArray[np.float32]], precision: int = 16) -> NDArray[np.int32]:
    """Quantise several pmfs into the rows of one table.

    Args:
        pmfs: one float32 pmf per row, its last entry the probability of the escape.
        precision: bits of the cumulative frequencies.

    Returns:
        int32 ``[rows, longest pmf + 1]``, shorter rows padded with zeros at the right.

    Raises:
        ValueError: as :func:`pmf_to_quantized_cdf`.

    >>> cdf_table([np.array([0.5, 0.5], np.float32), np.array([0.5, 0.25, 0.25], np.float32)]).tolist()
    [[0, 32768, 65536, 0], [0, 32768, 49152, 65536]]
    """
    rows = [pmf_to_quantized_cdf(pmf, precision) for pmf in pmfs]
    table = np.zeros((len(rows), max(row.size for row in rows)), np.int32)
    for entries, row in zip(table, rows, strict=True):
        entries[: row.size] = row
    return table
