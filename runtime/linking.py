"""Where the C interface lies: what programs in C and C++ are compiled and linked with (docs/c-interface.md).

All of it is beside the extension `_native`, which is installed with it, wherever the Python files are.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from licrt.runtime.errors import LicrtError

LIBRARY = "liblicrt.0.dylib" if sys.platform == "darwin" else "liblicrt.so.0"


def include_dir() -> Path:
    """Return the directory of `licrt.h`.

    >>> (include_dir() / "licrt.h").is_file()
    True
    """
    return _installed("include/licrt.h").parent


def shared_library() -> Path:
    """Return the shared library, which is linked with by its path: the name has a version behind it.

    >>> shared_library().is_file()
    True
    """
    return _installed(f"lib/{LIBRARY}")


def cmake_dir() -> Path:
    """Return the directory that CMake's `find_package(licrt)` takes as `licrt_DIR`.

    >>> (cmake_dir() / "licrtConfigVersion.cmake").is_file()
    True
    """
    return _installed("lib/cmake/licrt/licrtConfig.cmake").parent


def _installed(name: str) -> Path:
    spec = find_spec("licrt.runtime._native")  # found, not loaded
    if spec is None or spec.origin is None:
        raise LicrtError("licrt.runtime._native is missing. Install licrt, or run make native in its checkout")
    path = Path(spec.origin).parent / name
    if not path.is_file():
        raise LicrtError(f"{path} is missing. Install licrt again, or run make native in its checkout")
    return path
