"""What a report must say about the machine and the software that it was made on."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from licrt.runtime import __version__

ENGINES = ("onnxruntime", "onnxruntime-gpu")
_FOR_GPUS = ("tensorrt", "tensorrt-rtx-cu12", "tensorrt-rtx-cu13", "cuda-python", "cuda-bindings")
_PACKAGES = ("numpy", "Pillow", "click", *ENGINES, *_FOR_GPUS)


def versions() -> dict[str, str]:
    """Return the versions of licrt, Python, and the packages that matter, as far as they are installed.

    >>> versions()["licrt"] == __version__
    True
    """
    packages = {name: _version(name) for name in _PACKAGES}
    known = {name: version for name, version in packages.items() if version}
    return {"licrt": __version__, "python": platform.python_version(), **known}


def system() -> str:
    """Return the operating system and the architecture, such as `Linux-6.1 x86_64`."""
    return f"{platform.system()}-{platform.release()} {platform.machine()}"


def cpu_model() -> str:
    """Return the name of the CPU as the system gives it, or its architecture where the system gives none."""
    names = (_field("/proc/cpuinfo", key) for key in ("model name", "Hardware"))
    return next(filter(None, names), platform.processor() or platform.machine())


def peak_memory() -> int | None:
    """Return the largest resident size that this process has had, in bytes; None where the system does not say."""
    # Linux' getrusage counts what the process that started this one had at that moment; VmHWM does not.
    if (counted := _field("/proc/self/status", "VmHWM")) and counted.endswith(" kB"):
        return 1024 * int(counted.removesuffix(" kB"))
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def variables() -> dict[str, str]:
    """Return the LICRT_* variables of the environment."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith("LICRT_")}


def _field(file: str, key: str) -> str | None:
    """Return the value of the first line `key: value` of one of Linux' files."""
    try:
        lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip() == key), None)


def _version(package: str) -> str | None:
    from importlib import metadata  # costs 25 ms, which `lic-run --help` need not spend

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
