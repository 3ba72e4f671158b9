"""The arithmetic of timing: which calls count, and which numbers are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from licrt.runtime.bench.latency import measure, summarise

if TYPE_CHECKING:
    from collections.abc import Callable


class CountingCodec:
    """Takes one more second for every call."""

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, rgb: np.ndarray, *, on_stage: Callable[[str, float], None] | None = None) -> bytes:
        self._call("analysis", on_stage)
        return bytes(rgb.shape[1])

    def decode(self, data: bytes, *, on_stage: Callable[[str, float], None] | None = None) -> np.ndarray:
        self._call("synthesis", on_stage)
        return np.zeros((1, len(data), 3), np.uint8)

    def _call(self, stage: str, on_stage: Callable[[str, float], None] | None) -> None:
        self.calls += 1
        if on_stage:
            on_stage(stage, float(self.calls) - 0.5)
            on_stage(stage, 0.5)


def test_first_call_and_warm_up_do_not_count() -> None:
    pictures = [np.zeros((1, width, 3), np.uint8) for width in (5, 9)]
    measured = measure(CountingCodec(), pictures, warmup=2, repeat=3)
    assert measured.stream_bytes == (5, 9)
    assert measured.cold.encode["analysis"] == [1.0]
    assert measured.cold.decode["synthesis"] == [2.0]
    assert measured.warm.encode["analysis"] == [7.0, 9.0, 11.0, 17.0, 19.0, 21.0]
    assert measured.warm.decode["synthesis"] == [8.0, 10.0, 12.0, 18.0, 20.0, 22.0]
    assert list(measured.warm.encode) == ["analysis", "total"]
    assert len(measured.warm.encode["total"]) == 6


@pytest.mark.parametrize(("count", "p99"), [(999, None), (1000, 990.0)])
def test_p99_needs_a_thousand_samples(count: int, p99: float | None) -> None:
    summary = summarise([float(number) for number in range(count, 0, -1)])
    assert summary["p99"] == p99
    assert (summary["n"], summary["min"], summary["max"]) == (count, 1.0, float(count))
    assert summary["p50"] == 500.0
    assert summary["p90"] == 900.0
