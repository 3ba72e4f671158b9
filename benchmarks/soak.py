"""Whether memory stays flat: thousands of calls in one process, and what it holds after each tenth of them.

    .venv/bin/python benchmarks/soak.py [--calls 2000] [--model NAME] [--threads 8]

Every result is compared with that of the first time. The exit code is 1 where one differs, or where memory grew by a
mebibyte or more in the second half of the calls; in the first, allocators and engines settle.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from licrt.runtime import Codec
from licrt.runtime.errors import LicrtError

if TYPE_CHECKING:
    from collections.abc import Callable

PHOTOGRAPH = Path(__file__).parents[1] / "examples" / "photo.webp"
SIZES = [(96, 128), (33, 200), (128, 96), (1, 1), (160, 160), (64, 17), (100, 30), (200, 120)]
PARTS = 10
MOST_GROWTH = 1 << 20


def main() -> int:
    """Print a row for each kind of call."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--model", default="default")
    parser.add_argument("--threads", type=int, default=8)
    options = parser.parse_args()
    photo = np.asarray(Image.open(PHOTOGRAPH).convert("RGB"))
    pictures = [np.ascontiguousarray(photo[50 : 50 + height, 90 : 90 + width]) for height, width in SIZES]
    codec = Codec.load(options.model, threads=1)
    streams = [codec.encode(picture) for picture in pictures]
    decoded = [codec.decode(stream) for stream in streams]
    chance = np.random.default_rng(0)

    def decode(number: int) -> bool:
        return np.array_equal(codec.decode(streams[number % len(streams)]), decoded[number % len(streams)])

    def encode(number: int) -> bool:
        return codec.encode(pictures[number % len(pictures)]) == streams[number % len(pictures)]

    def damaged(number: int) -> bool:
        stream = bytearray(streams[number % len(streams)])
        stream[chance.integers(len(stream))] ^= 1 << int(chance.integers(8))
        try:
            codec.decode(bytes(stream))
        except LicrtError:
            return True
        return False

    def load(_: int) -> bool:
        return np.array_equal(Codec.load(options.model, threads=1).decode(streams[0]), decoded[0])

    with ThreadPoolExecutor(options.threads) as pool:

        def together(number: int) -> bool:
            """Decode with all threads, and once with damage among them."""
            calls = [pool.submit(decode, number + thread) for thread in range(options.threads)]
            calls.append(pool.submit(damaged, number))
            return all(call.result() for call in calls)

        each = options.threads + 1
        print(f"{'':<24} {'calls':>6} {'seconds':>8}  MiB after each tenth")
        good = [
            soak("decode", decode, options.calls),
            soak("encode", encode, options.calls),
            soak("decode damaged streams", damaged, options.calls),
            soak(f"{options.threads} threads, one codec", together, options.calls // each, each),
            soak("load, decode, drop", load, options.calls // 10),
        ]
    return 0 if all(good) else 1


def soak(name: str, call: Callable[[int], bool], rounds: int, calls: int = 1) -> bool:
    """Print what the process holds while it makes `rounds` times `calls` calls; return whether all was well."""
    begin = time.monotonic()
    held, wrong = [], 0
    for part in range(PARTS):
        for number in range(part * rounds // PARTS, (part + 1) * rounds // PARTS):
            wrong += not call(number)
        gc.collect()
        held.append(resident())
    grown = held[-1] - held[PARTS // 2 - 1]
    flat = grown < MOST_GROWTH
    row = " ".join(f"{size / 2**20:.1f}" for size in held)
    verdict = f"{grown >> 10:+} KiB in the second half{'' if flat else ', TOO MUCH'}; {wrong} wrong"
    print(f"{name:<24} {rounds * calls:>6} {time.monotonic() - begin:>8.1f}  {row}  {verdict}", flush=True)
    return flat and not wrong


def resident() -> int:
    """Return the bytes that are resident, of memory that this process alone has."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) << 10


if __name__ == "__main__":
    sys.exit(main())
