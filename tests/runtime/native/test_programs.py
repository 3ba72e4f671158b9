"""The tests in C++ (CMakeLists.txt in this folder), on this machine and, cross-compiled, as 64-bit ARM under qemu."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = ("kernels_equal", "models_equal")
TOOLCHAIN = f"-DCMAKE_TOOLCHAIN_FILE={ROOT / 'cmake' / 'aarch64-linux-gnu.cmake'}"
QEMU = ("qemu-aarch64-static", "-cpu")


def build(folder, *options):
    """Compiles the programs, and returns their folder."""
    cmake = [sys.executable, "-m", "cmake"]
    ninja = shutil.which("ninja", path=Path(sys.executable).parent) or shutil.which("ninja")
    generator = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"]
    configure = [*cmake, "-S", ROOT, "-B", folder, *generator, "-DLICRT_PYTHON=OFF", "-DLICRT_TESTS=ON", *options]
    for command in (configure, [*cmake, "--build", folder]):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "tests" / "runtime" / "native"


def run(*command):
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return build(tmp_path_factory.mktemp("here"))


@pytest.fixture(scope="module")
def arm(aarch64, tmp_path_factory):
    return build(tmp_path_factory.mktemp("arm"), TOOLCHAIN)


def test_every_set_of_kernels_gives_the_same_numbers(here):
    for program in PROGRAMS:
        assert run(here / program).startswith("scalar ")


def test_every_set_of_kernels_gives_the_same_numbers_on_arm(arm):
    for program in PROGRAMS:
        assert run(*QEMU, "max", arm / program).startswith("scalar neon neondot ")
        assert run(*QEMU, "cortex-a72", arm / program).startswith("scalar neon ok")  # has no dot product
