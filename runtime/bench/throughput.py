"""Throughput: batches of pictures, each taken by the next free one of some workers."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from licrt.runtime.meters.opening import metered
from licrt.runtime.timing import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from licrt.runtime.bench.latency import Rgb, Timed
    from licrt.runtime.meters.opening import Meters


@dataclass(frozen=True)
class Throughput:
    """What some workers did in one direction.

    Attributes:
        workers, threads: workers, and the threads of each.
        batch: pictures in a batch.
        megapixels: of a batch.
        seconds: of each batch that counts.
        joules: of all of them together, by meter.
    """

    workers: int
    threads: int
    batch: int
    megapixels: float
    seconds: tuple[float, ...]
    joules: Mapping[str, float]


def measure_throughput(
    load: Callable[[int], Timed],
    pictures: Sequence[Rgb],
    meters: Meters,
    *,
    workers: Sequence[int],
    threads: int,
    batch: int,
    repeat: int,
) -> dict[str, list[Throughput]]:
    """Code batches with different numbers of workers, in turns, first encoding and then decoding.

    Workers are threads of this process that share one codec: everything that takes long runs outside of Python's lock.
    They share the processors, too, so each call of N workers has 1/N of the threads, rounded down, and at least one.

    Args:
        load: gives a codec for a number of threads.
        pictures: uint8 `[height, width, 3]` each; a batch takes them round and round.
        meters: read before and after each batch.
        workers: numbers of workers to compare.
        threads: of all workers together.
        batch: pictures in a batch, at least 1.
        repeat: batches that count, after one that does not.

    Returns:
        `encode` and `decode`, each with one entry for each number of workers.
    """
    share = {count: max(1, threads // count) for count in workers}
    codecs = {count: load(count) for count in sorted(set(share.values()))}
    chosen = list(itertools.islice(itertools.cycle(pictures), batch))
    streams = {id(rgb): codecs[share[workers[0]]].encode(rgb) for rgb in pictures}
    megapixels = 1e-6 * sum(rgb.shape[0] * rgb.shape[1] for rgb in chosen)
    with ExitStack() as stack:
        pools = {count: ThreadPoolExecutor(count) for count in workers}
        for pool in pools.values():
            stack.callback(pool.shutdown, cancel_futures=True)  # an interrupt waits for no whole batch

        def encode(count: int) -> None:
            list(pools[count].map(codecs[share[count]].encode, chosen))

        def decode(count: int) -> None:
            list(pools[count].map(codecs[share[count]].decode, (streams[id(rgb)] for rgb in chosen)))

        results = {}
        for name, code in (("encode", encode), ("decode", decode)):
            times: dict[int, list[float]] = {count: [] for count in workers}
            used: dict[int, dict[str, float]] = {count: {} for count in workers}
            for turn in range(repeat + 1):
                for count in workers:
                    with metered(meters) as joules:
                        once = seconds(lambda code=code, count=count: code(count))  # type: ignore[misc]
                    if turn:
                        times[count].append(once)
                        for meter, value in joules.items():
                            used[count][meter] = used[count].get(meter, 0.0) + value
            results[name] = [
                Throughput(count, share[count], batch, megapixels, tuple(times[count]), used[count])
                for count in workers
            ]
    return results
