"""Checks in C++ of what is too much for Python; see exhaustive.cpp."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

NATIVE = Path(__file__).resolve().parents[3] / "runtime" / "native"


def test_every_reciprocal_and_every_slot(tmp_path):
    """With the sanitizer for undefined behaviour, since shifts and overflow are where a coder goes wrong."""
    program = tmp_path / "exhaustive"
    sources = [NATIVE / "src" / name for name in ("tables.cpp", "encode.cpp", "decode.cpp")]
    includes = ["-I", NATIVE / "src", "-I", NATIVE / "include"]
    flags = ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-fsanitize=undefined", "-fno-sanitize-recover"]
    compiler = os.environ.get("CXX", "c++")
    subprocess.run(
        [compiler, *flags, *includes, Path(__file__).parent / "exhaustive.cpp", *sources, "-o", program], check=True
    )
    assert subprocess.run([program], check=False, capture_output=True, text=True).stdout == "ok\n"
