"""How long a call takes. What is compared takes turns in one run; medians, and ratios within a turn, are compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

OnStage = Callable[[str, float], None]


def seconds(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Time one call, by the monotonic clock unless told otherwise.

    >>> seconds(lambda: None) >= 0
    True
    """
    start = clock()
    call()
    return clock() - start


def turns(runs: Mapping[str, Callable[[], object]], count: int, warmup: int = 2) -> list[dict[str, float]]:
    """Time each run in turn, `count` times after some turns to warm up; seconds by name.

    >>> [sorted(turn) for turn in turns({"a": int, "b": float}, 2)]
    [['a', 'b'], ['a', 'b']]
    """
    return [{name: seconds(run) for name, run in runs.items()} for _ in range(count + warmup)][warmup:]


@contextmanager
def stage(on_stage: OnStage | None, name: str) -> Iterator[None]:
    """Call `on_stage` with a name and the seconds that the body takes.

    >>> with stage(lambda name, seconds: print(name), "synthesis"):
    ...     pass
    synthesis
    """
    start = time.perf_counter()
    yield
    if on_stage:
        on_stage(name, time.perf_counter() - start)
