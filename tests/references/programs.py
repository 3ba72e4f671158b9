"""The programs in C and C++ of tests/runtime/native: how they are built, for this machine or 64-bit ARM, and run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARM = f"-DCMAKE_TOOLCHAIN_FILE={ROOT / 'cmake' / 'aarch64-linux-gnu.cmake'}"  # an option for build
QEMU = ("qemu-aarch64-static", "-cpu")


def build(folder: Path, *options: str) -> Path:
    """Compiles the programs, and returns their folder."""
    cmake = [sys.executable, "-m", "cmake"]
    ninja = shutil.which("ninja", path=Path(sys.executable).parent) or shutil.which("ninja")
    generator = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"]
    run(*cmake, "-S", ROOT, "-B", folder, *generator, "-DLICRT_PYTHON=OFF", "-DLICRT_TESTS=ON", *options)
    run(*cmake, "--build", folder)
    return folder / "tests" / "runtime" / "native"


def run(*command: str | Path) -> str:
    """What a program prints; it must succeed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def decode(file: Path, *program: str | Path, threads: int = 2) -> list[dict[str, int]]:
    """What decode.c, `program`, prints of the streams in a file: the CRC-32 of each one's latent by set of kernels."""
    words = [line.split() for line in run(*program, file, str(threads)).splitlines()]
    return [{kernels: int(crc, 16) for kernels, crc in zip(line[::2], line[1::2], strict=True)} for line in words]
