"""Timing a codec stage by stage. Monotonic clock; the first call is kept apart, since it loads graphs and tables."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from licrt.runtime.codec import Codec

Rgb = npt.NDArray[np.uint8]
OnStage = Callable[[str, float], None]

TOTAL = "total"
_SAMPLES_FOR_P99 = 1000


class Timed(Protocol):
    """What is measured: `licrt.runtime.Codec`, or anything that reports its stages the same way."""

    def encode(self, rgb: Rgb, *, on_stage: OnStage | None = None) -> bytes:
        """Return a stream."""
        ...

    def decode(self, data: bytes, *, on_stage: OnStage | None = None) -> Rgb:
        """Return a picture."""
        ...


@dataclass(frozen=True)
class AtQuality:
    """A codec that encodes at one quality; None for its model's default."""

    codec: Codec
    quality: int | None

    def encode(self, rgb: Rgb, *, on_stage: OnStage | None = None) -> bytes:
        """Return a stream."""
        return self.codec.encode(rgb, quality=self.quality, on_stage=on_stage)

    def decode(self, data: bytes, *, on_stage: OnStage | None = None) -> Rgb:
        """Return a picture."""
        return self.codec.decode(data, on_stage=on_stage)


@dataclass(frozen=True)
class Timings:
    """Seconds per stage, and `total`: one number per call, in order of calls."""

    encode: Mapping[str, Sequence[float]]
    decode: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Measurement:
    """The first call of all, the calls after warming up, and the size in bytes of every picture's stream."""

    cold: Timings
    warm: Timings
    stream_bytes: tuple[int, ...]


def measure(codec: Timed, pictures: Sequence[Rgb], *, warmup: int, repeat: int) -> Measurement:
    """Encode and decode every picture `warmup` + `repeat` times; the last `repeat` count.

    Args:
        codec: freshly loaded, so that its first call is a cold one.
        pictures: uint8 `[height, width, 3]` each.
        warmup: calls per picture that do not count. The very first call of all never does.
        repeat: calls per picture that count, at least 1.
    """
    cold, warm = _Recorder(), _Recorder()
    sizes = []
    cold.decode(codec, cold.encode(codec, pictures[0]))
    for rgb in pictures:
        for _ in range(warmup):
            codec.decode(codec.encode(rgb))
        for _ in range(repeat):
            data = warm.encode(codec, rgb)
            warm.decode(codec, data)
        sizes.append(len(data))
    return Measurement(cold.timings(), warm.timings(), tuple(sizes))


def summarise(samples: Sequence[float]) -> dict[str, float | int | None]:
    """Return count, mean, min, p50, p90, p99 and max; p99 is None below 1000 samples, which cannot tell it.

    >>> summarise([3.0, 1.0, 2.0])
    {'n': 3, 'mean': 2.0, 'min': 1.0, 'p50': 2.0, 'p90': 3.0, 'p99': None, 'max': 3.0}
    """
    ordered = sorted(samples)

    def percentile(percent: int) -> float:  # nearest rank: always one of the samples
        return ordered[math.ceil(percent / 100 * len(ordered)) - 1]

    return {
        "n": len(ordered),
        "mean": statistics.fmean(ordered),
        "min": ordered[0],
        "p50": percentile(50),
        "p90": percentile(90),
        "p99": percentile(99) if len(ordered) >= _SAMPLES_FOR_P99 else None,
        "max": ordered[-1],
    }


class _Recorder:
    """Collects the seconds of every stage."""

    def __init__(self) -> None:
        self._encode: dict[str, list[float]] = {}
        self._decode: dict[str, list[float]] = {}

    def encode(self, codec: Timed, rgb: Rgb) -> bytes:
        data: bytes = self._time(self._encode, codec.encode, rgb)
        return data

    def decode(self, codec: Timed, data: bytes) -> None:
        self._time(self._decode, codec.decode, data)

    def timings(self) -> Timings:
        return Timings(self._encode, self._decode)

    @staticmethod
    def _time(samples: dict[str, list[float]], call: Callable[..., Any], argument: object) -> Any:
        stages: dict[str, float] = {}  # a stage that runs several times in a call counts as one

        def on_stage(name: str, seconds: float) -> None:
            stages[name] = stages.get(name, 0.0) + seconds

        begin = time.perf_counter()
        result = call(argument, on_stage=on_stage)
        stages[TOTAL] = time.perf_counter() - begin
        for name, seconds in stages.items():
            samples.setdefault(name, []).append(seconds)
        return result
