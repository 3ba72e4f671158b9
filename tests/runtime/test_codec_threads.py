"""One codec, many threads: what they get is what one thread gets, call by call."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from references.tiny_photo import photo

from licrt.runtime import Codec, tiling
from licrt.runtime.errors import FormatError

THREADS, ROUNDS = 8, 6


def test_eight_threads_get_what_one_gets() -> None:
    """Encoding, decoding, decoding in place, latents and failures mixed, from the first call of a fresh codec on."""
    pictures = [photo(30 + 9 * number, 90 - 7 * number, number) for number in range(THREADS)]
    alone = Codec.load("default", threads=1)
    streams = [alone.encode(picture, exif=bytes([number])) for number, picture in enumerate(pictures)]
    decoded = [alone.decode(stream) for stream in streams]
    latents = [alone.decode_latents(stream) for stream in streams]
    shared = Codec.load("default", threads=1)
    barrier = threading.Barrier(THREADS, timeout=60)

    def work(first: int) -> int:
        barrier.wait()
        calls = 0
        for turn in range(ROUNDS * THREADS):
            number = (first + turn) % THREADS
            out = np.empty_like(decoded[number])
            assert shared.encode(pictures[number], exif=bytes([number])) == streams[number]
            assert np.array_equal(shared.decode(streams[number]), decoded[number])
            image = shared.decode_image(streams[number], out=out)
            assert image.exif == bytes([number])
            assert np.array_equal(out, decoded[number])
            assert np.array_equal(shared.decode_latents(streams[number]), latents[number])
            with pytest.raises(FormatError):
                shared.decode(streams[number][: -1 - turn])
            calls += 5
        return calls

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(work, range(THREADS))) == 5 * ROUNDS * THREADS**2


def test_threads_that_decode_parts_of_one_canvas() -> None:
    codec = Codec.load("default", threads=2)
    pictures = [photo(40, 40, number) for number in range(16)]
    streams = [codec.encode(picture) for picture in pictures]
    canvas = np.zeros((160, 160, 4), np.uint8)
    parts = [canvas[40 * row : 40 * row + 40, 40 * column : 40 * column + 40, :3] for row, column in np.ndindex(4, 4)]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda stream, part: codec.decode(stream, out=part), streams, parts))
    for stream, part in zip(streams, parts, strict=True):
        assert np.array_equal(part, codec.decode(stream))
    assert not canvas[..., 3].any()


def test_threads_whose_sessions_are_given_back(monkeypatch) -> None:
    """Large pictures drop the sessions that other threads are using, or are about to load."""
    monkeypatch.setattr(tiling, "MAX_UNTILED_PIXELS", 2000)
    monkeypatch.setattr(tiling, "TILE_PIXELS", 48)
    codec = Codec.load("default", threads=1)
    pictures = [photo(20 + 12 * number, 50, number) for number in range(THREADS)]
    streams = [codec.encode(picture) for picture in pictures]
    decoded = [codec.decode(stream) for stream in streams]
    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(codec.encode, pictures * 2)) == streams * 2
        for result, reference in zip(pool.map(codec.decode, streams * 2), decoded * 2, strict=True):
            assert np.array_equal(result, reference)
