"""Bjøntegaard deltas: how much rate one codec saves for the same quality, or gains in quality for the same rate.

The numbers are those of the package `bjontegaard` (Herglotz et al., "Beyond Bjøntegaard: limits of video compression
performance comparisons", ICIP 2022). What is added here is the refusal of pairs for which they would mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from licrt.runtime.errors import LicrtError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Method = Literal["pchip", "akima"]
METHODS: tuple[Method, ...] = ("pchip", "akima")
MIN_POINTS = 4  # as many as the method was defined with (VCEG-M33)
MIN_OVERLAP = 0.5


class CurveError(LicrtError):
    """A curve is not one, or two of them cannot be compared."""

    exit_code = 6


@dataclass(frozen=True, eq=False)
class Points:
    """Points of one curve: ``rate`` in bits per pixel and ``quality``, float64 ``[points]``, both strictly rising."""

    name: str
    rate: npt.NDArray[np.float64]
    quality: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rate)


def points(name: str, rate: Sequence[float], quality: Sequence[float]) -> Points:
    """Sort the points of a curve; those that occur twice count once.

    Raises:
        CurveError: a point is not finite or has no rate, or one costs more than another without being better.

    >>> points("mine", [0.5, 0.25], [33.0, 30.0]).rate.tolist()
    [0.25, 0.5]
    """
    pairs = np.unique(np.column_stack([rate, quality]).astype(np.float64).reshape(-1, 2), axis=0)
    if not np.isfinite(pairs).all() or (pairs[:, 0] <= 0).any():
        raise CurveError(f"{name}: a point is not finite, or has no rate")
    bad = np.flatnonzero((np.diff(pairs, axis=0) <= 0).any(axis=1))
    if bad.size:
        (low, worse), (high, better) = pairs[bad[0]], pairs[bad[0] + 1]
        raise CurveError(
            f"{name}: quality does not rise with rate, from {worse:.3f} at {low:.4f} bpp to {better:.3f} at "
            f"{high:.4f} bpp. Leave one of the points out"
        )
    return Points(name, pairs[:, 0], pairs[:, 1])


def bd_rate(test: Points, anchor: Points, method: Method = "pchip") -> float:
    """Return the rate that `test` needs over `anchor` at equal quality, on average, in percent; below 0 is a saving.

    Args:
        test: the curve that is judged.
        anchor: the curve that it is measured by.
        method: how points are joined: ``pchip`` as the spreadsheets of JVET do, or ``akima``.

    Raises:
        CurveError: as `expect_comparable`, over quality.

    >>> anchor = points("anchor", [0.1, 0.2, 0.4, 0.8], [28, 31, 34, 37])
    >>> test = points("test", [0.08, 0.16, 0.32, 0.64], [28, 31, 34, 37])
    >>> round(bd_rate(test, anchor), 6)
    -20.0
    """
    from bjontegaard import bd_rate

    expect_comparable(test.name, test.quality, anchor.name, anchor.quality, "quality")
    return _delta(bd_rate, test, anchor, method)


def bd_quality(test: Points, anchor: Points, method: Method = "pchip") -> float:
    """Return the quality that `test` gains over `anchor` at equal rate, on average, in the unit of quality.

    For PSNR in dB this is BD-PSNR. Arguments as `bd_rate`.

    Raises:
        CurveError: as `expect_comparable`, over the logarithm of the rate.

    >>> anchor = points("anchor", [0.1, 0.2, 0.4, 0.8], [28, 31, 34, 37])
    >>> test = points("test", [0.1, 0.2, 0.4, 0.8], [28.5, 31.5, 34.5, 37.5])
    >>> round(bd_quality(test, anchor), 6)
    0.5
    """
    from bjontegaard import bd_psnr

    expect_comparable(test.name, np.log10(test.rate), anchor.name, np.log10(anchor.rate), "rate")
    return _delta(bd_psnr, test, anchor, method)


def expect_comparable(
    test: str, test_base: npt.NDArray[np.float64], anchor: str, anchor_base: npt.NDArray[np.float64], what: str
) -> None:
    """Raise unless the delta of two curves would rest on enough of both.

    Each must have four points, and the range that they share must be at least half of the range of the shorter one.
    The package's own warning compares with both ranges together; but a curve that lies whole inside a longer one is
    compared over all that it has.

    Raises:
        CurveError: it would not.
    """
    for name, base in ((test, test_base), (anchor, anchor_base)):
        if len(base) < MIN_POINTS:
            raise CurveError(f"{name} has {len(base)} different points, and Bjøntegaard deltas need {MIN_POINTS}")
    share = overlap(test_base, anchor_base)
    if share < MIN_OVERLAP:
        raise CurveError(
            f"{test} and {anchor} share {share:.0%} of the {what} range of the shorter curve, less than "
            f"{MIN_OVERLAP:.0%}. Measure both over the same range"
        )


def overlap(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """Return the part of the shorter of two ranges that both have, from 0 to 1.

    >>> overlap(np.array([20.0, 40.0]), np.array([35.0, 45.0]))
    0.5
    """
    shared = min(first.max(), second.max()) - max(first.min(), second.min())
    shorter = min(float(np.ptp(first)), float(np.ptp(second)))
    return max(float(shared), 0.0) / shorter if shorter else 0.0


def rate_at(anchor: Points, quality: float) -> float | None:
    """Return the rate at which a curve has some quality, joined as ``pchip`` does; None outside of its range.

    >>> anchor = points("anchor", [0.1, 0.2, 0.4, 0.8], [28, 31, 34, 37])
    >>> round(rate_at(anchor, 32.5), 4), rate_at(anchor, 40)
    (0.2828, None)
    """
    from scipy.interpolate import PchipInterpolator

    if len(anchor) < 2 or not anchor.quality[0] <= quality <= anchor.quality[-1]:
        return None
    return float(10 ** PchipInterpolator(anchor.quality, np.log10(anchor.rate))(quality))


def _delta(function: Callable[..., float], test: Points, anchor: Points, method: Method) -> float:
    # The package's warning about overlap is off: the rule above stands in for it.
    return float(
        function(
            anchor.rate,
            anchor.quality,
            test.rate,
            test.quality,
            method=method,
            require_matching_points=False,
            min_overlap=0,
        )
    )
