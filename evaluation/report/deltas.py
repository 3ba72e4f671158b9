"""A table of every curve against every other: how many more bytes for the same PSNR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from licrt.evaluation import bd
from licrt.evaluation.bd import MIN_POINTS, CurveError
from licrt.evaluation.comparison import expect_same_pictures, points_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licrt.evaluation.report.entries import Entry

METRIC = "psnr-rgb"


@dataclass(frozen=True)
class Cell:
    """One number for people; whether it speaks for the row; why there is none."""

    text: str
    better: bool | None = None
    why: str = ""


@dataclass(frozen=True)
class Row:
    """A curve against all others; `single` if it has a single point."""

    name: str
    single: bool
    cells: Sequence[Cell]


def table(entries: Sequence[Entry]) -> tuple[list[str], list[Row]]:
    """Return the names of the columns, and the rows; empty unless a curve is long enough to compare with."""
    columns = [entry for entry in entries if len(entry.source.curve.results["bpp"]) >= MIN_POINTS]
    rows = [
        Row(entry.title, len(entry.source.curve.results["bpp"]) == 1, [_cell(entry, column) for column in columns])
        for entry in entries
    ]
    return [column.title for column in columns], rows if columns and len(entries) > 1 else []


def _cell(entry: Entry, column: Entry) -> Cell:
    if entry is column:
        return Cell("")
    try:
        percent = _percent(entry, column)
    except CurveError as error:
        return Cell("n/a", why=str(error))
    return Cell(f"{percent:+.1f} %", percent < 0)


def _percent(entry: Entry, column: Entry) -> float:
    expect_same_pictures(entry.source, column.source)
    ours, theirs = points_of(entry.source.curve, METRIC), points_of(column.source.curve, METRIC)
    if len(ours) > 1:
        return bd.bd_rate(ours, theirs)
    rate = bd.rate_at(theirs, float(ours.quality[0]))
    if rate is None:
        raise CurveError(f"{column.title} has no point as good or none as bad")
    return 100 * (float(ours.rate[0]) / rate - 1)
