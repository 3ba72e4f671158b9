"""Hundreds of calls in one process, whole and failing, leave nothing behind; benchmarks/soak.py makes thousands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import gc, os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from licrt.runtime import Codec
from licrt.runtime.errors import FormatError, PictureError

random = np.random.default_rng(0)
pictures = [random.integers(0, 256, (height, 200 - height, 3), np.uint8) for height in (96, 40, 128, 1)]
codec = Codec.load("default", threads=1)
streams = [codec.encode(picture) for picture in pictures]

def cycle(number):
    stream = streams[number % 4]
    codec.encode(pictures[number % 4], exif=bytes([number % 256]))
    codec.decode(stream)
    for error, data, most in ((FormatError, stream[:-4], 1 << 20), (PictureError, stream, 9)):
        try:
            codec.decode(data, max_pixels=most)
        except error:
            continue
        raise AssertionError("nothing was refused")

pool = ThreadPoolExecutor(8)

def measure():
    gc.collect()
    memory = int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) << 10
    return memory, len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

for run, settling in ((map, 40), (pool.map, 200)):
    list(run(cycle, range(settling)))
    before = measure()
    list(run(cycle, range(1000, 1250)))
    print(*(after - start for start, after in zip(before, measure())))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="this system does not tell how much memory is used")
def test_rounds_on_one_and_on_eight_threads_leave_nothing_behind() -> None:
    """One picture kept per round would be 7 MB. Engines take more the first time that all threads meet in them."""
    one = {**os.environ, "MALLOC_ARENA_MAX": "1"}  # or how much is kept depends on which threads met
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    done = subprocess.run(command, env=one, capture_output=True, text=True, check=True)
    alone, together = ([int(number) for number in line.split()] for line in done.stdout.splitlines())
    assert (alone[1:], together[1:], done.stderr) == ([0, 0], [0, 0], "")
    assert alone[0] < 250 * 28_000 / 16
    assert together[0] < 250 * 28_000 * 3 / 4
