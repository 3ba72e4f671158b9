"""Cutting large pictures into overlapping tiles, so that memory is bounded by the tile.

A tile is run with a halo of real samples around it, as wide as the float graph sees (the exporter computes that), so
its inner part is what the whole picture would have given there.

Graphs of any size run on tiles of about equal sizes (`tiles`). Engines that are built for certain sizes run on windows
(`windows`), which keep to them, and of which the outer ones end where the picture ends: its border is a border of
theirs, so what is computed there is the same too.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_UNTILED_PIXELS = 1 << 21  # a 1080p picture goes in one piece
MAX_UNTILED_SIDE = 2048  # pixels: engines that are built for a largest size need one for each axis
# Sides of a tile: at most this, less where the halo is so wide that a run would see more than 1440 x 1440 pixels, which
# is what a whole picture may have; but never so little that most of the work is done for the halo.
TILE_PIXELS = 1024
SEEN_PIXELS = 1440
SMALLEST_TILE_PIXELS = 512


class Span(NamedTuple):
    """Part of one axis: what a tile must give (`begin` to `end`), and what it must see for that (`outer_…`)."""

    begin: int
    end: int
    outer_begin: int
    outer_end: int


def spans(size: int, tile: int, halo: int) -> list[Span]:
    """Cut one axis into as few tiles as there can be, of equal size but for one sample.

    Args:
        size: samples along the axis.
        tile: samples of the largest tile, without halo.
        halo: samples to see on both sides of a tile, fewer at the borders.

    >>> spans(10, 4, 1)
    [Span(begin=0, end=3, outer_begin=0, outer_end=4), Span(begin=3, end=6, outer_begin=2, outer_end=7), \
Span(begin=6, end=10, outer_begin=5, outer_end=10)]
    """
    count = -(-size // tile)
    cuts = [size * number // count for number in range(count + 1)]
    return [Span(begin, end, max(begin - halo, 0), min(end + halo, size)) for begin, end in itertools.pairwise(cuts)]


def windows(size: int, least: int, most: int, halo: int) -> Iterator[Span]:
    """Cut one axis into as few tiles as can be that see between `least` and `most` samples; all see equally many.

    Args:
        size: samples along the axis.
        least, most: what a tile may see, halo included. An axis that is shorter than `least` is seen to go on.
        halo: samples to see on both sides of a tile, but for the borders; 2 * halo < most.

    >>> list(windows(3, 4, 8, 1)), list(windows(7, 4, 8, 1))
    ([Span(begin=0, end=3, outer_begin=0, outer_end=4)], [Span(begin=0, end=7, outer_begin=0, outer_end=7)])
    >>> list(windows(11, 4, 8, 1))
    [Span(begin=0, end=5, outer_begin=0, outer_end=7), Span(begin=5, end=11, outer_begin=4, outer_end=11)]
    >>> list(windows(11, 8, 8, 1))
    [Span(begin=0, end=5, outer_begin=0, outer_end=8), Span(begin=5, end=11, outer_begin=3, outer_end=11)]
    """
    count, seen = _count(size, most, halo), window(size, least, most, halo)
    begin, end = 0, 0
    for number in range(1, count + 1):
        after = (size - seen) * number // max(count - 1, 1)  # where the next one begins
        # In the middle of what two neighbours both see, which is two halos or more.
        cut = (begin + seen + after) // 2 if number < count else size
        yield Span(end, cut, begin, begin + seen)
        begin, end = after, cut


def window(size: int, least: int, most: int, halo: int) -> int:
    """Return how many samples each tile of `windows` sees.

    >>> window(3, 4, 8, 1), window(11, 4, 8, 1), window(10**9, 4, 8, 1)
    (4, 7, 8)
    """
    count = _count(size, most, halo)
    return max(-(-(size + 2 * halo * (count - 1)) // count), least)


def _count(size: int, most: int, halo: int) -> int:
    """Return how many windows there are."""
    return max(-(-(size - 2 * halo) // (most - 2 * halo)), 1)


def tiles(height: int, width: int, stride: int, halo: int) -> Iterator[tuple[Span, Span]]:
    """Cut a latent into tiles of at most `TILE_PIXELS` pixels a side; pictures that are small enough stay whole.

    Args:
        height, width: size of the latent.
        stride: pixels per latent sample.
        halo: latent samples to see around a tile.

    Yields:
        Rows and columns of each tile, in latent samples.
    """
    tile = _tile(height, width, stride, halo)
    for rows in spans(height, tile, halo):
        for columns in spans(width, tile, halo):
            yield rows, columns


def least_seen(height: int, width: int, stride: int, halo: int) -> int:
    """Return how many pixels the smallest tile of `tiles` sees, or fewer.

    >>> least_seen(90, 91, 16, 2), least_seen(1000, 1000, 16, 2)
    (2096640, 1048576)
    """
    tile = _tile(height, width, stride, halo)
    rows, columns = (min(side // -(-side // tile) + halo, side) for side in (height, width))
    return rows * columns * stride * stride


def _tile(height: int, width: int, stride: int, halo: int) -> int:
    """Return the longest side of a tile without its halo, in latent samples."""
    whole = height * width * stride * stride <= MAX_UNTILED_PIXELS
    if whole and max(height, width) * stride <= MAX_UNTILED_SIDE:
        return max(height, width)
    side = min(TILE_PIXELS, max(SEEN_PIXELS - 2 * halo * stride, SMALLEST_TILE_PIXELS))
    return max(side // stride, 1)
