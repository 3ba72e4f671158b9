"""The wheel of this checkout under other Pythons, with the oldest and the newest ONNX Runtime."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from conformance.lanes import ROOT, Lane, NotRun, python_lane, run

if TYPE_CHECKING:
    from pathlib import Path

# Python, ONNX Runtime, and what else the oldest packages that pyproject.toml allows ask for.
_VERSIONS = {
    "3.10": ("onnxruntime==1.23.2",),  # the last for Python 3.10
    "3.11": ("onnxruntime==1.20.0", "numpy==1.26.4", "Pillow==10.3.0", "click==8.1.0", "platformdirs==4.0.0"),
    "3.13": ("onnxruntime",),
}
_BUILT_FROM = ("CMakeLists.txt", "cmake", "plugins", "pyproject.toml", "runtime", "share", "trainer", "export")


def wheel(work: Path) -> Path:
    """Return the wheel of this checkout, which is built again when its sources change."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", *_BUILT_FROM],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    digest = hashlib.sha256()
    for name in sorted(listed):
        if (ROOT / name).is_file():
            digest.update(name.encode() + b"\0" + (ROOT / name).read_bytes())
    folder = work / digest.hexdigest()[:16]
    if not folder.exists():
        for old in work.glob("*/*.whl"):
            shutil.rmtree(old.parent)
        building = work / "building"
        run(sys.executable, "-I", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", building, ROOT)
        building.rename(folder)
    (file,) = folder.glob("licrt-*.whl")
    return file


def _lane(version: str) -> Lane:
    def interpreter(work: Path) -> tuple[Path, str]:
        from conftest import PYTHONS
        from references.environments import create

        python = PYTHONS[version]
        if not python.exists():
            raise NotRun(f"no Python {version} is here; install it with pyenv")
        built = wheel(work)
        folder = work / f"{version}-{built.parent.name}"
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            try:
                create(python, folder, "--only-binary=:all:", built, *_VERSIONS[version])
            except AssertionError as error:
                raise NotRun(f"pip cannot make its environment: {str(error).splitlines()[-1]}") from error
            (folder / "done").touch()
        return folder / "bin" / "python", "-I"  # nothing of the checkout

    return python_lane(f"x86-64 python-{version} {_VERSIONS[version][0]}", interpreter)


LANES = tuple(map(_lane, _VERSIONS))
