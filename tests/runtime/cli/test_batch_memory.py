"""Memory does not grow with the number of files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from references.tiny_photo import photo as photograph


def peak(*arguments: str) -> int:
    """The largest resident memory of a process of `lic-run`, in KiB."""
    command = [sys.executable, "-m", "licrt.runtime", *arguments, "--quiet"]
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


@pytest.mark.parametrize("threads", ["1", "2"])
def test_memory_is_that_of_a_few_pictures(threads: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """220 pictures and their files would take 21 MB more than 20 of them, where all are of one size."""
    monkeypatch.chdir(tmp_path)
    pixels = photograph(128, 128)
    for folder, count in (("few", 20), ("many", 220)):
        Path(folder).mkdir()
        for number in range(count):
            Image.fromarray(np.roll(pixels, number, axis=1)).save(f"{folder}/{number:03}.bmp")
    few, many = (peak("encode", folder, "-j", threads) for folder in ("few", "many"))
    assert many - few < 6_000
    assert len(list(Path("many").glob("*.lci"))) == 220
    few, many = (peak("decode", folder, "--format", "ppm", "-j", threads) for folder in ("few", "many"))
    assert many - few < 6_000
