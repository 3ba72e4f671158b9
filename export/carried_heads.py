"""Table indexes from sums in limbs: how many thresholds a sum reaches, by a binary search in float32.

Limbs are a sum cut by weight: the last one is the sum shifted down, the ones below are what that leaves, not negative.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from licrt.export.carried_values import LIMIT, Value, Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    Int = npt.NDArray[np.int64]


class Limb(NamedTuple):
    """A value that counts 2^exponent."""

    exponent: int
    value: Value


def search(
    writer: Writer, limbs: Sequence[Limb], thresholds: npt.NDArray[np.signedinteger], point: str | None
) -> Value:
    """Count the thresholds that each sum reaches.

    Args:
        writer: takes the nodes.
        limbs: the sums, lowest limb first.
        thresholds: `[rate_points, channels, count]`, non-decreasing along each row.
        point: name of the input, int64 `[1]`, that chooses the rate point; None where there is one.
    """
    limbs = _merged(writer, limbs)
    channels, count = thresholds.shape[1:]
    steps = count.bit_length()
    extra = (1 << steps) - 1 - count  # which no sum reaches
    rows = np.pad(thresholds.astype(np.int64), ((0, 0), (0, 0), (0, extra)), constant_values=np.iinfo(np.int64).max)
    # Channels of one weight exponent have the same thresholds at every rate point.
    rows, which = np.unique(rows, axis=1, return_inverse=True)
    tables = [(_chosen(writer, table, point), table) for table in _in_limbs(rows, limbs)]
    base = which.reshape(-1).astype(np.int64) * rows.shape[2]
    # Where the tables are read: where the row starts, and the thresholds found so far.
    place = writer.value(writer.constant(base[:, None, None]), base, base)
    for step in reversed(range(steps)):
        at = writer.offset(place, np.full(channels, (1 << step) - 1))
        read = [_read(writer, name, table, at) for name, table in tables]
        reached = _reaches(writer, limbs, read)
        place = writer.add(place, writer.shift(reached, np.full(channels, step)))
    found = writer.offset(place, -base)
    return writer.value(found.name, np.zeros(channels), np.full(channels, count))


def _merged(writer: Writer, limbs: Sequence[Limb]) -> list[Limb]:
    """Put neighbouring limbs together where float32 holds their differences: the search has less to compare."""
    merged = [limbs[0]]
    for limb in limbs[1:]:
        low = merged[-1]
        up = limb.exponent - low.exponent
        if (int(limb.value.reach.max()) + 1) << up < LIMIT >> 2:
            high = writer.shift(limb.value, np.full_like(limb.value.low, up))
            merged[-1] = Limb(low.exponent, writer.add(high, low.value))
        else:
            merged.append(limb)
    return merged


def _in_limbs(rows: Int, limbs: Sequence[Limb]) -> list[Int]:
    """Cut thresholds as sums are; the lowest limb is less by one, for `_reaches`.

    Thresholds beyond what any sum is are taken to just beyond.
    """
    tables = [rows >> limb.exponent for limb in limbs]
    for number, (limb, above) in enumerate(pairwise(limbs)):
        tables[number] &= (1 << (above.exponent - limb.exponent)) - 1
    top = limbs[-1].value
    tables[-1] = np.clip(tables[-1], int(top.low.min()) - 1, int(top.high.max()) + 1)
    tables[0] = tables[0] - 1
    return tables


def _chosen(writer: Writer, table: Int, point: str | None) -> str:
    """Add a table `[rate_points, rows, size]` as a constant; return what one rate point has of it, flat."""
    if point is None:
        return writer.constant(table[0].reshape(-1))
    rows = writer.node("Gather", [writer.constant(table.reshape(len(table), -1)), point], axis=0)
    return writer.node("Reshape", [rows, writer.constant([-1], np.int64)])


def _read(writer: Writer, name: str, table: Int, place: Value) -> Value:
    index = writer.node("Cast", [place.name], to=TensorProto.INT32)
    low, high = (np.full_like(place.low, bound) for bound in (table.min(), table.max()))
    return writer.value(writer.node("Gather", [name, index], axis=0), low, high)


def _reaches(writer: Writer, limbs: Sequence[Limb], thresholds: Sequence[Value]) -> Value:
    """Compare sums with thresholds: 1 where they reach them, else 0.

    The limbs of a sum less the threshold plus 1, highest first. One that differs decides, whatever those below say: all
    of them together are less than one of it.
    """
    difference = writer.subtract(limbs[-1].value, thresholds[-1])
    for number in reversed(range(len(limbs) - 1)):
        sign = writer.clip(difference, -1, 1)
        width = limbs[number + 1].exponent - limbs[number].exponent
        rest = writer.subtract(limbs[number].value, thresholds[number])
        difference = writer.add(writer.shift(sign, np.full_like(sign.low, width)), rest)
    return writer.clip(difference, 0, 1)
