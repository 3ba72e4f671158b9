"""A whole 64-bit ARM machine as qemu emulates it: Debian, its Python, ONNX Runtime, and licrt cross-compiled.

Built below build/ at the first call, which takes root's rights and a network, and kept. `programs.py` has what runs
programs in C and C++ alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from references.programs import ROOT, toolchain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BUILD = ROOT / "build"
REQUIREMENTS = Path(__file__).with_suffix(".txt")
PYTHON = "3.11"  # Debian's
PLATFORMS = [f"manylinux_2_{minor}_aarch64" for minor in range(36, 16, -1)] + ["manylinux2014_aarch64"]
MARK = "holds.txt"  # what a folder was made from, written when it is whole


class Unavailable(RuntimeError):
    """Debian or PyPI could not be asked for what the machine is made of: there is no network, most likely."""


@dataclass(frozen=True)
class Userland:
    """The emulated machine. It sees some folders of this one, under the same names: proot 5.1 does not translate the
    paths of every system call.

    Attributes:
        root: the folder that has its /usr.
        folders: what it sees beside that.
        at: where programs run.
        environment: variables beside PATH and HOME; nothing comes from this process.
    """

    root: Path
    folders: Sequence[Path]
    at: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def words(self) -> list[str | Path]:
        """What stands before a program of that machine to run it here."""
        variables = {"PATH": f"/usr/bin:/bin:{os.environ['PATH']}", "HOME": "/root", **self.environment}
        for folder in self.folders:  # else proot makes the places, and takes them away from others when it ends
            (self.root / folder.relative_to("/")).mkdir(parents=True, exist_ok=True)
        bound = [f"--bind={folder}" for folder in ("/proc", "/dev", "/sys", *self.folders)]
        emulator: list[str | Path] = ["proot", "-q", "qemu-aarch64-static", "-r", self.root, *bound, "-w", self.at]
        return ["env", "-i", *(f"{name}={value}" for name, value in variables.items()), *emulator]

    def run(self, *command: str | Path) -> str:
        """What a program prints there; it must succeed."""
        return _run([*self.words(), *command])


def userland() -> Userland:
    """A machine whose python3 has licrt, as this checkout is, and what it needs; it sees the checkout and /tmp.

    Raises:
        Unavailable: there is no network.
        RuntimeError: licrt does not compile.
    """
    return Userland(debian(), (ROOT, Path(tempfile.gettempdir())), ROOT, {"PYTHONPATH": _python_path()})


def debian() -> Path:
    """The root folder of a machine without licrt.

    Raises:
        Unavailable: there is no network.
    """
    root = BUILD / "aarch64-root"
    with _alone():
        if not root.exists():
            _run(["sh", ROOT / "distribution" / "aarch64_root.sh", root], failure=Unavailable)
    return root


@cache
def _python_path() -> str:
    with _alone():
        return f"{_licrt()}:{_packages()}"


def _packages() -> Path:
    """A folder with the wheels of REQUIREMENTS, unpacked. pip serves another machine if it need not build anything."""
    folder, wanted = BUILD / "aarch64-packages", REQUIREMENTS.read_text()
    if _holds(folder, wanted):
        return folder
    tags = (f"--platform={platform}" for platform in PLATFORMS)
    options = ("--no-deps", "--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}", *tags)
    _run([*_pip("install"), *options, "--target", folder, "-r", REQUIREMENTS], failure=Unavailable)
    return _mark(folder, wanted)


def _licrt() -> Path:
    """A folder with the wheel of this checkout, unpacked. It stays as it is, for those who run it, while that does."""
    folder, wheels = BUILD / "aarch64-licrt", BUILD / "aarch64-wheel"
    shutil.rmtree(wheels, ignore_errors=True)
    options = ("--no-deps", "--no-build-isolation", "-C", f"cmake.toolchain-file={toolchain('aarch64')}")
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": tools, "_PYTHON_HOST_PLATFORM": "linux-aarch64"}
    _run([*_pip("wheel"), *options, "--wheel-dir", wheels, ROOT], environment)
    (wheel,) = wheels.glob("*.whl")
    wanted = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if _holds(folder, wanted):
        return folder
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return _mark(folder, wanted)


def _holds(folder: Path, wanted: str) -> bool:
    """Whether a folder is whole and has what is wanted; if not, there is none afterwards."""
    mark = folder / MARK
    if mark.exists() and mark.read_text() == wanted:
        return True
    shutil.rmtree(folder, ignore_errors=True)
    return False


def _mark(folder: Path, wanted: str) -> Path:
    (folder / MARK).write_text(wanted)
    return folder


def _pip(command: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "pip", command, "--quiet", "--disable-pip-version-check")


def _run(
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    failure: type[RuntimeError] = RuntimeError,
) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise failure(f"{' '.join(map(str, command[:4]))} … failed: {done.stdout}{done.stderr}")
    return done.stdout


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time builds."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "aarch64.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
