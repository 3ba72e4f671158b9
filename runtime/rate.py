"""Which of its rate points a variable-rate model encodes a picture at: by quality, or by how large the file may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from licrt.runtime.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from licrt.runtime.bundle import Bundle

Encoded = TypeVar("Encoded")


@dataclass(frozen=True)
class Rate:
    """What is asked of an encoder: at most one of these, none for the model's default.

    Attributes:
        quality: 0 (smallest file) to 100 (best picture).
        target_bpp: bits per pixel that the whole file may have.
        target_size: bytes that the whole file may have.
    """

    quality: int | None = None
    target_bpp: float | None = None
    target_size: int | None = None

    def expect_possible(self, bundle: Bundle) -> None:
        """Raise ModelError unless a model can do what is asked."""
        asked = {name: value for name, value in vars(self).items() if value is not None}
        if len(asked) > 1:
            raise ModelError(f"{' and '.join(asked)} exclude each other; give one of them")
        for name, value in asked.items():
            if bundle.rate_points == 1:
                raise ModelError(f"model {bundle.name} has a single rate; leave {name} out, or use another model")
            if name == "quality" and not 0 <= value <= 100:
                raise ModelError(f"quality is {value}, expected 0 (smallest file) to 100 (best picture)")
            if name != "quality" and not 0 < value < math.inf:
                raise ModelError(f"{name} is {value}, expected a number above 0")

    def most_bytes(self, pixels: int) -> int | None:
        """Return how many bytes the file of a picture of so many pixels may have; None where no target says so.

        >>> Rate(target_bpp=0.5).most_bytes(768 * 512), Rate(target_size=1000).most_bytes(1), Rate(80).most_bytes(1)
        (24576, 1000, None)
        """
        if self.target_bpp is not None:
            return math.floor(self.target_bpp * pixels / 8)
        return self.target_size

    def point(self, bundle: Bundle) -> int:
        """Return the rate point of the quality that is asked for, or the model's default."""
        return bundle.default_point if self.quality is None else point_of(self.quality, bundle.rate_points)


def point_of(quality: int, points: int) -> int:
    """Return the rate point of a quality: 0 to 100 are spread evenly over the points, the nearest is taken.

    >>> [point_of(quality, 64) for quality in (0, 1, 50, 99, 100)]
    [0, 1, 32, 62, 63]
    """
    return (2 * quality * (points - 1) + 100) // 200


def quality_of(point: int, points: int) -> int:
    """Return the quality that stands for a rate point: the nearest, which up to 101 points leads back to it.

    >>> all(point_of(quality_of(point, points), points) == point for points in range(2, 102) for point in range(points))
    True
    """
    return round(100 * point / (points - 1)) if points > 1 else 0


def highest_that_fits(
    points: int, encode: Callable[[int], Encoded], fits: Callable[[Encoded], bool]
) -> tuple[int, Encoded]:
    """Search the highest rate point whose file fits, by bisection: 64 points take 6 or 7 tries.

    What is returned fits, and that of the next point, if there is one, was tried and does not. That holds whatever
    sizes are like; where they rise with the point, as those of photographs do, no higher point fits either. If not even
    what point 0 gives fits, and the bisection has led there, it is returned all the same: callers look.

    Args:
        points: how many there are.
        encode: encodes at a point.
        fits: tells whether the result is small enough.

    >>> highest_that_fits(64, lambda point: 10 * point, lambda size: size < 200)
    (19, 190)
    >>> highest_that_fits(64, lambda point: 10 * point + 1, lambda size: size < 1)
    (0, 1)
    """
    low, high = -1, points
    found: tuple[int, Encoded] | None = None
    while found is None or high - low > 1:
        middle = (low + high) // 2
        tried = middle, encode(middle)
        if fits(tried[1]):
            low, found = tried[0], tried
        else:
            high = tried[0]
            found = tried if low < 0 else found
    return found
