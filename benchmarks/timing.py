"""How long a call takes: the benchmarks take turns, and compare medians or ratios within one turn."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def seconds(call: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def turns(runs: Mapping[str, Callable[[], object]], count: int) -> list[dict[str, float]]:
    """Time each run in turn, `count` times after two turns to warm up; seconds by name."""
    return [{name: seconds(run) for name, run in runs.items()} for _ in range(count + 2)][2:]
