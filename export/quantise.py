"""What only export decides about integers: which widths it tries, and the thresholds of scales (docs/integer-net.md).

How layers become integers is :mod:`licrt.trainer.integers`, because training may see them too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from licrt.trainer.integers.quantise import Widths

if TYPE_CHECKING:
    import numpy.typing as npt

    from licrt.trainer.integers.quantise import Float, Int

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


def thresholds(
    scale_table: Float, gains: Float, exponent: Int, accumulator_bits: int, *, logarithmic: bool = False
) -> npt.NDArray[np.int32] | npt.NDArray[np.int64]:
    """Return thresholds `[gains, channels, tables - 1]` for accumulators of scale * 2^exponent, or of its logarithm's.

    Index = number of table entries but the last below scale * gain; a value above entry t is at least floor(t) + 1.
    """
    entries = scale_table[:-1] / gains[:, None, None]
    if logarithmic:
        entries = np.log(entries)
    exact: Float = np.floor(np.ldexp(entries, exponent[:, None])) + 1
    if accumulator_bits == 32:
        return exact.clip(-(2.0**31), 2.0**31 - 1).astype(np.int32)
    return exact.clip(-(2.0**62), 2.0**62).astype(np.int64)
