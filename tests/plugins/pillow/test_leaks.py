"""Hundreds of pictures leave no memory and no files behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import gc, io, os, sys
from pathlib import Path
import numpy as np
from PIL import Image
import licrt.pillow
licrt.pillow.register_opener(threads=1)

rng = np.random.default_rng(0)
pictures = [Image.fromarray(rng.integers(0, 256, (96, 128, samples), np.uint8)) for samples in (3, 4)]
damaged = Path("damaged.lci")

def cycle(number):
    path = Path(f"{number % 4}.lci")
    pictures[number % 2].save(path)
    with Image.open(path) as image:
        image.load()
    Image.open(path).verify()
    Image.open(path).copy().close()
    damaged.write_bytes(path.read_bytes()[:-9])
    for call in (lambda image: image.load(), lambda image: image.verify()):
        with Image.open(damaged) as image:
            try:
                call(image)
            except OSError:
                continue
            raise AssertionError("damage was not noticed")

def measure():
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/fd"))

for number in range(50):
    cycle(number)
memory, files = measure()
for number in range(int(sys.argv[1])):
    cycle(number)
grown, more = (after - before for after, before in zip(measure(), (memory, files)))
print(grown, more)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not tell how much memory it uses")
def test_three_hundred_pictures_leave_nothing_behind(tmp_path) -> None:
    """One picture kept per cycle would be 11 MB; the bound is a quarter of that."""
    command = [sys.executable, "-W", "error", "-c", PROGRAM, "300"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True)
    grown, files = map(int, result.stdout.split())
    assert files == 0
    assert grown < 300 * 96 * 128 * 3 / 4
    assert result.stderr == ""
