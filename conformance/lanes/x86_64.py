"""This Python on x86-64: every set of kernels, one thread and two, and how far ONNX Runtime rewrites graphs."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

from conformance.lanes import Lane, NotRun, python_lane

if TYPE_CHECKING:
    from pathlib import Path


def _lane(name: str, kernels: str, *options: str) -> Lane:
    def interpreter(_work: Path) -> tuple[str]:
        from licrt.runtime.entropy import available_kernels

        if platform.machine() != "x86_64":
            raise NotRun(f"this machine is {platform.machine()}")
        if kernels not in available_kernels():
            raise NotRun(f"this processor has no {kernels}")
        return (sys.executable,)

    return python_lane(f"x86-64 {name}", interpreter, "--kernels", kernels, *options)


LANES = (
    *(
        _lane(f"{kernels} {threads}", kernels, "--threads", threads[0])
        for kernels in ("scalar", "avx2", "avx512vnni")
        for threads in ("1-thread", "2-threads")
    ),
    *(  # "all" is what the others have
        _lane(f"graphs-{level}", "avx2", "--graph-optimisation", level) for level in ("disabled", "basic", "extended")
    ),
)
