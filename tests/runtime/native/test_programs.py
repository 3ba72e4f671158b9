"""The tests in C and C++ (CMakeLists.txt in this folder), here and, cross-compiled, on 64-bit ARM as qemu emulates it.

Both machines are held against the same bytes, so what either of them encodes the other one decodes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = ("kernels_equal", "models_equal", "contexts_equal")
STREAMS = "ded9484a39e065534a65e8cb4ab761cef4cd5df3409902707e14a113b59c03e0"  # what exchange.cpp writes, as SHA-256
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


def check_streams(programs, file, cpus, *emulator):
    for cpu in cpus:
        run(*emulator, programs / "exchange", file, cpu)
        assert hashlib.sha256(file.read_bytes()).hexdigest() == STREAMS
    assert run(*emulator, programs / "decode", file).endswith(" 8 streams ok\n")  # with each set of kernels
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 1
    file.write_bytes(damaged)
    done = subprocess.run([*emulator, programs / "decode", file], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")


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
        assert run(*QEMU, "max", arm / program) == "scalar neon neondot ok\n"
    assert run(*QEMU, "cortex-a72", arm / "contexts_equal") == "scalar neon ok\n"  # has no dot product


def test_streams_are_the_same_bytes_and_decode(here, tmp_path):
    check_streams(here, tmp_path / "streams", run(here / "kernels_equal").split()[:-1])


def test_streams_are_the_same_bytes_and_decode_on_arm(arm, tmp_path):
    check_streams(arm, tmp_path / "streams", ["scalar", "neon", "neondot"], *QEMU, "max")
