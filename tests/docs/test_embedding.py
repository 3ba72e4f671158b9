"""The Python blocks of docs/embedding.md run, in order, as one program."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from references.tiny_photo import photo

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "embedding.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)


def test_the_examples_run(tmp_path) -> None:
    pixels = photo(64, 96)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    checks = (
        "halves = screen[:, :, :3].reshape(2, *decoded.shape).astype(int)\n"
        "assert np.abs(halves - decoded).max() <= 1\n"  # codecs of different threads
        "assert (screen[..., 3] == 255).all()\n"
        "assert len(set(streams)) == 1\n"
        "np.save('copy.npy', np.asarray(copy))\n"
    )
    assert len(BLOCKS) > 5
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join((*BLOCKS, checks))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""
    assert result.stdout.startswith("(96, 64) RGB LCI\nthe stream is cut short: 100 bytes of ")
    copy = np.load(tmp_path / "copy.npy").astype(float)
    assert 20 * np.log10(255 / np.sqrt(np.mean((copy - pixels) ** 2))) > 20
