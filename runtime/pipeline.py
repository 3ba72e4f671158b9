"""Several pictures at a time: while the networks work on one, others are read, coded and written.

Workers take whole pictures, each through all of its stages, so whatever stage of one leaves a processor idle another
uses. Threads suffice: what takes long (ONNX Runtime, the native coder and networks, numpy, zlib, Pillow's decoders and
encoders, files) runs outside of Python's lock. See docs/adr/0019-pipeline.md.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from licrt.runtime.container import read_info
from licrt.runtime.errors import LicrtError
from licrt.runtime.memory import available

if TYPE_CHECKING:
    from concurrent.futures import Future

    from licrt.runtime.codec import Codec
    from licrt.runtime.timing import OnStage

Check = Callable[[], None]
Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_WORKERS = 8
MOST_PIXELS = 1 << 24  # at work at a time, but for one picture alone
_BYTES_PER_PIXEL = 1 << 10  # of wide models: four planes of 192 channels at half the sides take 768


def workers_for(threads: int) -> int:
    """Return how many pictures are worked on at a time with so many threads: with one, one after the other.

    >>> workers_for(1), workers_for(2), workers_for(64)
    (1, 2, 8)
    """
    return min(threads, MOST_WORKERS)


def pixels_for(workers: int) -> int:
    """Return how many pixels a picture may have to be worked on beside others.

    Few enough that all together have at most `MOST_PIXELS`, and that there is memory for all, as far as that is known
    beforehand. A larger picture is worked on alone, with all threads: it takes what it would have taken anyway.
    """
    return int(min(MOST_PIXELS, max(available().size, 0) // _BYTES_PER_PIXEL)) // workers


def stream_pixels(data: bytes) -> int:
    """Return how many pixels a stream has by its header; 0 where decoding it will say why there are none."""
    try:
        info = read_info(data)
    except LicrtError:
        return 0
    return info.width * info.height


def through(
    codec: Codec,
    call: Callable[[Codec, Item, OnStage | None], Result],
    items: Iterable[Item],
    pixels: Callable[[Item], int],
) -> Generator[Result, None, None]:
    """Yield the results of a codec's calls on items, in their order, several at a time.

    Args:
        codec: its threads are divided among the items at work, or all used on one that is large.
        call: gets a codec, an item, and what it passes on as `on_stage`.
        items: as `in_order` takes them.
        pixels: tells how many pixels an item has.

    Raises:
        Whatever a call raised, in the turn of its item, which is the end.
    """
    workers = workers_for(codec.threads)
    share, most = codec.shared_by(workers), pixels_for(workers)

    def work(item: Item, check: Check | None) -> Result:
        return call(share, item, lambda *_: check()) if check else call(codec, item, None)

    with closing(in_order(work, items, workers, lambda item: pixels(item) > most)) as results:
        for _, result in results:
            yield result()


def in_order(
    work: Callable[[Item, Check | None], Result],
    items: Iterable[Item],
    workers: int,
    alone: Callable[[Item], bool],
) -> Generator[tuple[Item, Callable[[], Result]], None, None]:
    """Work on items in threads, several at a time, and give the results in the order of the items.

    Items are taken, and results given, in the caller's thread: what the caller does between two results goes on beside
    the work. Whatever the number of items, at most `2 * workers` are taken whose results are not given yet.

    Args:
        work: gets an item and a function to call now and then, which raises if nobody waits for the result any more;
            or None in its place, where the caller's own thread does the work and nothing else goes on.
        items: taken one after the other, some ahead of the results.
        workers: threads; with one, none is made and the caller's does everything.
        alone: tells whether an item is to be worked on when no other is.

    Yields:
        Each item, and a function that returns its result or raises what the work on it raised. To be called once,
        before the next item is asked for.

    >>> squares = in_order(lambda number, check: number * number, [3, 1, 2], 2, lambda number: False)
    >>> [(number, square()) for number, square in squares]
    [(3, 9), (1, 1), (2, 4)]
    """
    if workers == 1:
        for item in items:
            yield item, partial(work, item, None)
        return
    from concurrent.futures import ThreadPoolExecutor  # which loads much that one file does not need

    abandoned = threading.Event()

    def check() -> None:
        if abandoned.is_set():
            raise _AbandonedError

    waiting: deque[tuple[Item, Future[Result]]] = deque()
    pool = ThreadPoolExecutor(workers, "licrt")
    try:
        for item in items:
            if alone(item):
                while waiting:
                    yield _first(waiting)
                yield item, partial(work, item, None)
            else:
                waiting.append((item, pool.submit(work, item, check)))
            while waiting and (waiting[0][1].done() or len(waiting) == 2 * workers):
                yield _first(waiting)
        while waiting:
            yield _first(waiting)
    finally:
        abandoned.set()
        pool.shutdown(cancel_futures=True)


class _AbandonedError(Exception):
    """Nobody waits for the result."""


def _first(waiting: deque[tuple[Item, Future[Result]]]) -> tuple[Item, Callable[[], Result]]:
    item, future = waiting.popleft()
    return item, future.result
