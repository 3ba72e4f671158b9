"""Blobs and payloads that somebody changed, under the sanitizers; see hostile.cpp."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_changed_blobs_and_payloads_are_refused_or_work(tmp_path):
    ninja = shutil.which("ninja", path=Path(sys.executable).parent) or shutil.which("ninja")
    sanitizers = "-O1 -fsanitize=address,undefined -fno-sanitize-recover=all"
    options = ["-DLICRT_PYTHON=OFF", "-DLICRT_TESTS=ON", "-DCMAKE_BUILD_TYPE=None", f"-DCMAKE_CXX_FLAGS={sanitizers}"]
    cmake = [sys.executable, "-m", "cmake"]
    configure = [*cmake, "-S", ROOT, "-B", tmp_path, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}", *options]
    for command in (
        configure,
        [*cmake, "--build", tmp_path, "--target", "hostile"],
        [tmp_path / "tests" / "runtime" / "native" / "hostile"],
    ):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(" context models\n")
