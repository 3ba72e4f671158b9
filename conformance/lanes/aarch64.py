"""64-bit ARM as qemu emulates it, with Debian's Python and ONNX Runtime: every set of kernels, one thread and two."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.lanes import Failed, Lane, NotRun, python_lane

if TYPE_CHECKING:
    from pathlib import Path

_TOOLS = ("aarch64-linux-gnu-g++", "debootstrap", "proot", "qemu-aarch64-static")


def _interpreter(_work: Path) -> list[str | Path]:
    """Return what starts the Python of that machine, which the tests share (tests/references/userland.py)."""
    from references.userland import Unavailable, userland

    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        packages = "debootstrap, g++-aarch64-linux-gnu, proot and qemu-user-static"
        raise NotRun(f"{missing[0]} is missing; install Debian's {packages}")
    try:
        return [*userland().words(), "python3"]
    except Unavailable as error:
        raise NotRun(f"the machine takes a network: {_last_line(error)}") from error
    except RuntimeError as error:
        raise Failed(f"licrt cannot be built for it: {_last_line(error)}") from error


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1]


def _lane(kernels: str, threads: str) -> Lane:
    lane = python_lane(f"aarch64 {kernels} {threads}", _interpreter, "--kernels", kernels, "--threads", threads[0])
    last = (kernels, threads) == ("neondot", "2-threads")
    return lane if last else replace(lane, encode=None)  # emulated floats take long, and kernels are not for floats


LANES = tuple(
    _lane(kernels, threads) for kernels in ("scalar", "neon", "neondot") for threads in ("1-thread", "2-threads")
)
