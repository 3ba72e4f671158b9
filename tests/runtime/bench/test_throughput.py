"""Batches: who codes what, with how many threads, and what is counted."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from licrt.runtime import Codec
from licrt.runtime.bench.throughput import measure_throughput
from licrt.runtime.meters.opening import open_meters
from licrt.runtime.models import DEFAULT


class Watched:
    """A codec that notes its calls, and how many of them there were at a time."""

    def __init__(self, threads: int) -> None:
        self.codec = Codec.load(DEFAULT, "cpu", threads)
        self.encoded: list[int] = []
        self.running, self.most = 0, 0
        self.lock = threading.Lock()

    def encode(self, rgb, *, on_stage=None):
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            return self.codec.encode(rgb)
        finally:
            with self.lock:
                self.running -= 1
                self.encoded.append(rgb.shape[1])

    def decode(self, data, *, on_stage=None):
        return self.codec.decode(data)


def test_workers_share_pictures_and_threads() -> None:
    pictures = [np.full((16, width, 3), 90, np.uint8) for width in (16, 32, 48)]
    codecs: dict[int, Watched] = {}

    def load(threads: int) -> Watched:
        return codecs.setdefault(threads, Watched(threads))

    with open_meters({}) as meters:
        found = measure_throughput(load, pictures, meters, workers=[1, 2, 5], threads=4, batch=4, repeat=2)
    assert sorted(codecs) == [1, 2, 4]
    assert codecs[4].most == 1
    assert sorted(codecs[2].encoded) == [16] * 6 + [32] * 3 + [48] * 3  # three batches of 16, 32, 48, 16
    assert found.keys() == {"encode", "decode"}
    for entries in found.values():
        assert [(entry.workers, entry.threads, entry.batch, len(entry.seconds)) for entry in entries] == [
            (1, 4, 4, 2),
            (2, 2, 4, 2),
            (5, 1, 4, 2),
        ]
        assert all(entry.megapixels == pytest.approx(16 * (16 + 32 + 48 + 16) * 1e-6) for entry in entries)
        assert all(seconds > 0 for entry in entries for seconds in entry.seconds)


def test_energy_of_the_batches_that_count() -> None:
    class Counter:
        used = 0.0

        def joules(self):
            self.used += 3.0
            return {"all": self.used}

        def close(self) -> None: ...

    pictures = [np.full((16, 16, 3), 90, np.uint8)]
    with open_meters({"meter": Counter}) as meters:
        found = measure_throughput(Watched, pictures, meters, workers=[1], threads=1, batch=2, repeat=2)
    assert found["encode"][0].joules == {"meter all": 6.0}
    assert found["decode"][0].joules == {"meter all": 6.0}
