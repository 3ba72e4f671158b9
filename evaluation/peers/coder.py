"""The entropy coder beside `compressai.ans` and constriction, on symbols like those of a Kodak picture.

Each coder runs in one thread, so what is timed is the processor time of that thread: that is the time by the wall on a
machine with nothing else to do, and on another one it leaves out the time that others took.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from licrt.evaluation.peers.pairs import interleaved
from licrt.runtime.coder import CdfTables, decode, encode
from licrt.runtime.errors import MismatchError
from licrt.runtime.timing import seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from licrt.evaluation.peers.oracle.oracle_protocol import Oracle

LANES = (1, 2, 4)
SHAPE = (192, 32, 48)
SCALES = np.exp(np.linspace(np.log(0.11), np.log(256), 64))  # CompressAI's table
TAIL = 0.5e-9
RUNS = 3  # of each side in a pair, whose median counts: a process that has just been woken is slow for a millisecond


class Symbols(NamedTuple):
    """Symbols with a table for each, and the tables: int32 all, in CompressAI's layout."""

    symbols: NDArray[np.int32]
    indexes: NDArray[np.int32]
    cdf: NDArray[np.int32]
    lengths: NDArray[np.int32]
    offsets: NDArray[np.int32]


def symbols_of_a_picture(mean_log_scale: float = -1.9) -> Symbols:
    """Draw a latent whose scale varies between channels and along rows.

    >>> drawn = symbols_of_a_picture()
    >>> drawn.symbols.shape, int(drawn.indexes.max()) < len(drawn.lengths)
    ((192, 32, 48), True)
    """
    random = np.random.default_rng(20)
    log_scale = random.normal(mean_log_scale, 1.5, (SHAPE[0], 1, 1)) + np.zeros(SHAPE)
    drift = random.normal(0, 0.25, SHAPE)
    for x in range(1, SHAPE[2]):
        drift[..., x] += 0.9 * drift[..., x - 1]
    scale = np.exp(log_scale + drift)
    symbols = np.rint(random.normal(0, scale)).astype(np.int32)
    indexes = np.minimum(np.searchsorted(SCALES, scale), SCALES.size - 1).astype(np.int32)
    return Symbols(symbols, indexes, *_gaussian_tables())


def _gaussian_tables() -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return cdf, lengths and offsets: one table per scale, 16 bits, without what lies beyond `TAIL` on both sides."""
    normal = statistics.NormalDist()
    rows = []
    for scale in SCALES:
        centre = int(np.ceil(scale * -normal.inv_cdf(TAIL)))
        edges = (np.arange(2 * centre + 2) - centre - 0.5) / scale
        mass = np.diff([normal.cdf(edge) for edge in edges])
        frequency = 1 + np.floor(mass * (65536 - mass.size - 1)).astype(np.int64)
        frequency[centre] += 65536 - 1 - frequency.sum()
        rows.append(np.concatenate([[0], np.cumsum(frequency), [65536]]))
    cdf = np.zeros((len(rows), max(row.size for row in rows)), np.int32)
    for row, values in zip(cdf, rows, strict=True):
        row[: values.size] = values
    lengths = np.array([row.size for row in rows], np.int32)
    return cdf, lengths, (-(lengths - 3) // 2).astype(np.int32)


def compare(oracle: Oracle, pairs: int, drawn: Symbols | None = None) -> dict[str, Any]:
    """Code the same symbols with every coder, and time each of our numbers of lanes against each of the others.

    Returns:
        `symbols`; `bytes` by coder; and `encode` and `decode`: lanes → coder → what `Pairs.summary` gives.

    Raises:
        MismatchError: one lane does not write the bytes of `compressai.ans`, or does not read what it wrote.
    """
    drawn = drawn or symbols_of_a_picture()
    tables = CdfTables(drawn.cdf, drawn.lengths, drawn.offsets)
    theirs = oracle("prepare_coders", scales=SCALES, **drawn._asdict())
    ours = {lanes: encode(drawn.symbols, drawn.indexes, tables, lanes) for lanes in LANES}
    for lanes, data in ours.items():
        if not np.array_equal(decode(data, drawn.indexes, tables, lanes), drawn.symbols):
            raise MismatchError(f"{lanes} lanes do not decode what they encoded")
    if ours[1] != theirs["ans"].tobytes():
        raise MismatchError("one lane does not write the bytes of compressai.ans")

    def run(direction: str, lanes: int) -> Callable[[], float]:
        def once() -> object:
            if direction == "encode":
                return encode(drawn.symbols, drawn.indexes, tables, lanes)
            return decode(ours[lanes], drawn.indexes, tables, lanes)

        return lambda: statistics.median(seconds(once, time.thread_time) for _ in range(RUNS))

    def run_theirs(direction: str, name: str) -> Callable[[], float]:
        request = {"name": name, "direction": direction, "repeat": RUNS}
        return lambda: statistics.median(oracle("run_coder", **request)["seconds"])

    found: dict[str, Any] = {
        "symbols": drawn.symbols.size,
        "bytes": {f"licrt, {lanes} lanes": len(data) for lanes, data in ours.items()} | theirs["bytes"],
    }
    for direction in ("encode", "decode"):
        found[direction] = {
            str(lanes): {
                name: interleaved(run(direction, lanes), run_theirs(direction, name), pairs).summary()
                for name in theirs["bytes"]
            }
            for lanes in LANES
        }
    return found
