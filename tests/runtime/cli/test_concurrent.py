"""Several `lic-run` at once, writing to one directory."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from references.tiny_photo import photo

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES = 8
LIC_RUN = [sys.executable, "-c", "import sys; from licrt.runtime.cli import main; sys.exit(main())"]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.png" for number in range(PROCESSES)]
    for number, path in enumerate(paths):
        Image.fromarray(photo(30 + 5 * number, 70 - 5 * number, number)).save(path)
    return paths


def together(folder: Path, *commands: list[str]) -> list[tuple[int, str]]:
    """Start all commands at once, and return exit codes and what they said on standard error."""
    running = [
        subprocess.Popen([*LIC_RUN, *command], cwd=folder, stderr=subprocess.PIPE, text=True) for command in commands
    ]
    complaints = [process.communicate(timeout=120)[1] for process in running]
    return [(process.returncode, complaint) for process, complaint in zip(running, complaints, strict=True)]


def test_eight_processes_fill_one_directory_that_is_not_there_yet(codec, pictures, tmp_path) -> None:
    quiet = ["-j", "1", "--quiet", "--out-dir"]
    expected = [codec.encode(np.asarray(Image.open(path))) for path in pictures]
    encoded = together(tmp_path, *(["encode", str(path), *quiet, "streams"] for path in pictures))
    assert encoded == [(0, "")] * PROCESSES
    streams = [tmp_path / "streams" / f"{path.stem}.lci" for path in pictures]
    assert [path.read_bytes() for path in streams] == expected
    decoded = together(tmp_path, *(["decode", str(path), *quiet, "pictures"] for path in streams))
    assert decoded == [(0, "")] * PROCESSES
    for number, stream in enumerate(expected):
        with Image.open(tmp_path / "pictures" / f"{number}.png") as image:
            assert np.array_equal(np.asarray(image), codec.decode(stream))
    for folder in ("streams", "pictures"):
        assert len(list((tmp_path / folder).iterdir())) == PROCESSES  # no temporary files


def test_eight_processes_write_one_file(codec, pictures, tmp_path) -> None:
    """Whoever comes last wins, and the file is whole; without -f, who finds it there says so."""
    expected = {codec.encode(np.asarray(Image.open(path))) for path in pictures}
    target = ["-j", "1", "--quiet", "-o", "one.lci"]
    assert together(tmp_path, *(["encode", str(path), *target, "-f"] for path in pictures)) == [(0, "")] * PROCESSES
    assert (tmp_path / "one.lci").read_bytes() in expected
    before = (tmp_path / "one.lci").read_bytes()
    for code, complaint in together(tmp_path, *(["encode", str(path), *target] for path in pictures)):
        assert code == 6
        assert "it exists. Pass -f to replace it" in complaint
    assert (tmp_path / "one.lci").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"one.lci", *(path.name for path in pictures)}
