"""The programs of examples/c and tests/runtime/native: how they are built, here or for another machine, and run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from licrt.runtime.bundle import load_bundle
from licrt.runtime.flat import flatten

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
CMAKE = (sys.executable, "-m", "cmake")
FUZZERS = sorted(f"fuzz_{path.stem}" for path in (ROOT / "fuzz").glob("*.cpp") if path.stem != "replay")


def toolchain(machine: str) -> Path:
    """CMake's description of how to compile for another machine: aarch64 or s390x."""
    return ROOT / "cmake" / f"{machine}-linux-gnu.cmake"


def qemu(machine: str, cpu: str = "max") -> tuple[str, ...]:
    """What stands before a program of another machine to run it here."""
    return (f"qemu-{machine}-static", "-cpu", cpu)


def configure(source: Path, folder: Path, *options: str) -> None:
    """Prepares a build of a CMake project."""
    ninja = shutil.which("ninja", path=Path(sys.executable).parent) or shutil.which("ninja")
    run(*CMAKE, "-S", source, "-B", folder, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}", *options)


def cross(folder: Path, machine: str, *, targets: Sequence[str] = ("all",)) -> Path:
    """Compiles the programs, or some of them, for another machine; returns their folder."""
    return build(folder, f"-DCMAKE_TOOLCHAIN_FILE={toolchain(machine)}", targets=targets)


def build(folder: Path, *options: str, targets: Sequence[str] = ("all",)) -> Path:
    """Compiles the programs, or some of them, and returns their folder."""
    configure(ROOT, folder, "-DLICRT_PYTHON=OFF", "-DLICRT_TESTS=ON", *options)
    run(*CMAKE, "--build", folder, "--target", *targets)
    return folder / "tests" / "runtime" / "native"


def sanitised(folder: Path, sanitisers: str, *targets: str) -> Path:
    """Compiles some programs and the core in such a way that they stop at the first fault; returns their folder."""
    flags = f"-O1 -g1 -fsanitize={sanitisers} -fno-sanitize-recover=all"
    options = ("-DCMAKE_BUILD_TYPE=None", f"-DCMAKE_C_FLAGS={flags}", f"-DCMAKE_CXX_FLAGS={flags}")
    return build(folder, *options, targets=targets)


def run(*command: str | Path) -> str:
    """What a program prints; it must succeed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def flatten_to(file: Path, directory: Path) -> Path:
    """Writes the flat file of the bundle in a directory."""
    file.write_bytes(flatten(load_bundle(directory)))
    return file


def decode(model: Path, streams: Sequence[Path], *program: str | Path, threads: int = 2) -> list[dict[str, int]]:
    """What examples/c/decode.c, `program`, makes of streams: the CRC-32 of each one's latent by set of kernels."""
    printed = run(*program, "-j", str(threads), "--all-kernels", model, *streams)
    parts = printed.split("version ")[1:]
    lines = [re.findall(r"^decoded +([0-9a-f]{8}), .*, kernels (.+)$", each, re.M) for each in parts]
    return [{kernels: int(crc, 16) for crc, kernels in each} for each in lines]
