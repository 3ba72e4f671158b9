"""Pillow's plugin in many threads and in worker processes, as servers and data loaders use it."""

from __future__ import annotations

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image
from references.tiny_photo import photo

import licrt.pillow

THREADS, ROUNDS = 8, 6


def test_eight_threads_open_load_and_save(tmp_path) -> None:
    """Files of their own, and one that all of them read."""
    licrt.pillow.register_opener(threads=1)
    try:
        pictures = [Image.fromarray(photo(30 + 9 * number, 90 - 7 * number, number)) for number in range(THREADS)]
        for number in range(0, THREADS, 2):
            pictures[number].putalpha(number)
        for number, picture in enumerate(pictures):
            picture.save(tmp_path / f"{number}.lci")
        streams = [(tmp_path / f"{number}.lci").read_bytes() for number in range(THREADS)]
        decoded = [np.asarray(Image.open(io.BytesIO(stream))) for stream in streams]

        def work(thread: int) -> int:
            for turn in range(ROUNDS):
                number = (thread + turn) % THREADS
                own = tmp_path / f"of-thread-{thread}.lci"
                pictures[number].save(own)
                assert own.read_bytes() == streams[number]
                for path in (own, tmp_path / f"{number}.lci"):
                    with Image.open(path) as image:
                        assert np.array_equal(np.asarray(image), decoded[number])
            return ROUNDS

        with ThreadPoolExecutor(THREADS) as pool:
            assert sum(pool.map(work, range(THREADS))) == THREADS * ROUNDS
    finally:
        licrt.pillow.register_opener()


def test_forked_workers_load_after_their_parent_did(tmp_path) -> None:
    """What data loaders do: the parent looks at one picture, then workers decode the others."""
    for number in range(8):
        Image.fromarray(photo(40, 60, number)).save(tmp_path / f"{number}.lci")
    program = """
import multiprocessing
import numpy as np
from PIL import Image
import licrt.pillow

def load(number):
    with Image.open(f"{number}.lci") as image:
        return np.asarray(image)

if __name__ == "__main__":
    expected = [load(number) for number in range(8)]
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            for found, right in zip(pool.map_async(load, range(8)).get(60), expected, strict=True):
                assert np.array_equal(found, right)
        print(method)
"""
    (tmp_path / "program.py").write_text(program)
    result = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    assert result.stdout.split() == ["fork", "spawn"]
