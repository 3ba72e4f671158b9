"""Two programs in interleaved pairs of runs, and the ratio of their times."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Pairs:
    """Seconds of ours and of a peer's run in each pair.

    >>> Pairs((1.0, 2.0, 4.0), (2.0, 2.0, 5.0)).ratio
    0.8
    """

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratio(self) -> float:
        """Our time over theirs: the median of the ratios within pairs."""
        return statistics.median(self._ratios())

    def summary(self) -> dict[str, Any]:
        """Return medians in seconds, and median, lowest and highest ratio."""
        ratios = self._ratios()
        return {
            "pairs": len(ratios),
            "ours": statistics.median(self.ours),
            "theirs": statistics.median(self.theirs),
            "ratio": self.ratio,
            "lowest_ratio": min(ratios),
            "highest_ratio": max(ratios),
        }

    def _ratios(self) -> list[float]:
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]


def interleaved(ours: Callable[[], float], theirs: Callable[[], float], count: int) -> Pairs:
    """Run both in turn, `count` times after one pair that does not count; each returns its seconds.

    >>> interleaved(lambda: 1.0, lambda: 4.0, 3).summary()["ratio"]
    0.25
    """
    pairs = [(theirs(), ours()) for _ in range(count + 1)][1:]
    return Pairs(tuple(own for _, own in pairs), tuple(their for their, _ in pairs))
