"""The native core under AddressSanitizer and UndefinedBehaviorSanitizer, beneath an ordinary Python.

The interpreter and its other modules are not instrumented, so the sanitizers' libraries are loaded before everything
else. Leaks are not looked for: Python keeps what it pleases (for leaks, tests/runtime/native has programs in C).
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "licrt.runtime._native"
_FLAGS = "-O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
_LIBRARIES = ("libasan.so", "libubsan.so", "libstdc++.so.6")  # the last for exceptions, which the first intercepts
_VARIABLE = "LICRT_HOSTILE_NATIVE"


def build() -> Path:
    """Compile the extension and its library into a folder of their own, with the sanitizers; return the extension."""
    folder = ROOT / "build" / "sanitised"
    cmake = (sys.executable, "-m", "cmake")
    options = (
        "-DLICRT_IN_PLACE=ON",  # of which only the module is built
        "-DCMAKE_BUILD_TYPE=None",
        "-DCMAKE_CXX_COMPILER=g++",  # whose libraries `environment` names
        f"-DCMAKE_CXX_FLAGS={_FLAGS}",
        f"-DPython_EXECUTABLE={sys.executable}",
    )
    _run(*cmake, "-S", ROOT, "-B", folder, *options)
    _run(*cmake, "--build", folder, "--target", "_native")
    return folder / "_native.abi3.so"


def environment(extension: Path | None) -> dict[str, str]:
    """Return the environment of a Python that `use` gives this extension; None for the installed one."""
    if extension is None:
        return dict(os.environ)
    paths = [_run("g++", f"-print-file-name={name}").strip() for name in _LIBRARIES]
    return os.environ | {
        _VARIABLE: str(extension),
        "LD_PRELOAD": " ".join(paths),
        # Requests beyond a limit fail as they do without sanitizers, but for `new`, which has to end the process.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=1024:soft_rss_limit_mb=3072",
        "PYTHONMALLOC": "malloc",  # Python's own allocator puts small payloads side by side, with nothing between them
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def sanitised() -> bool:
    """Tell whether this process is for the extension with sanitizers; its use of memory then says nothing."""
    return _VARIABLE in os.environ


def use() -> None:
    """Make the runtime import the extension that the environment names, if it names one; called before it does."""
    if not sanitised():
        return
    spec = importlib.util.spec_from_file_location(NAME, os.environ[_VARIABLE])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)


def _run(*command: str | Path) -> str:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise SystemExit(f"sanitizers need {command[0]}; install it, or pass --plain") from error
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
