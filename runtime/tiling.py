"""Cutting large pictures into overlapping tiles, so that memory is bounded by the tile.

A tile is run with a halo of real samples around it, as wide as the float graph sees (the exporter computes that), so
its inner part is what the whole picture would have given there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_UNTILED_PIXELS = 1 << 21  # a 1080p picture goes in one piece
TILE_PIXELS = 1024  # side of a tile


class Span(NamedTuple):
    """Part of one axis: what a tile must give (`begin` to `end`), and what it must see for that (`outer_…`)."""

    begin: int
    end: int
    outer_begin: int
    outer_end: int


def spans(size: int, tile: int, halo: int) -> list[Span]:
    """Cut one axis into tiles.

    Args:
        size: samples along the axis.
        tile: samples of a tile, without halo.
        halo: samples to see on both sides of a tile, fewer at the borders.

    >>> spans(10, 4, 1)
    [Span(begin=0, end=4, outer_begin=0, outer_end=5), Span(begin=4, end=8, outer_begin=3, outer_end=9), \
Span(begin=8, end=10, outer_begin=7, outer_end=10)]
    """
    return [
        Span(begin, min(begin + tile, size), max(begin - halo, 0), min(begin + tile + halo, size))
        for begin in range(0, size, tile)
    ]


def tiles(height: int, width: int, stride: int, halo: int) -> Iterator[tuple[Span, Span]]:
    """Cut a latent into tiles of at most `TILE_PIXELS` pixels a side; small pictures stay whole.

    Args:
        height, width: size of the latent.
        stride: pixels per latent sample.
        halo: latent samples to see around a tile.

    Yields:
        Rows and columns of each tile, in latent samples.
    """
    whole = height * width * stride * stride <= MAX_UNTILED_PIXELS
    tile = max(height, width) if whole else max(TILE_PIXELS // stride, 1)
    for rows in spans(height, tile, halo):
        for columns in spans(width, tile, halo):
            yield rows, columns
