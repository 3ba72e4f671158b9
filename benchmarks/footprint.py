"""What the runtime weighs: installed megabytes, and modules loaded.

    .venv/bin/python benchmarks/footprint.py

Sizes are of the files that pip recorded for licrt[cpu] and everything that it needs.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement


def main() -> None:
    """Print sizes."""
    sizes = {name: size(name) for name in sorted(closure("licrt", {"cpu"}))}
    for name, megabytes in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{name:<16}{megabytes:8.1f} MB")
    print(f"{'together':<16}{sum(sizes.values()):8.1f} MB")
    program = (
        "import sys, licrt.runtime\nfrom licrt.runtime import Codec\nCodec.load('default')\nprint(*sorted(sys.modules))"
    )
    modules = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    print("torch or onnx loaded by the runtime:", sorted({"torch", "onnx"} & set(modules)) or "no")


def closure(name: str, extras: set[str]) -> set[str]:
    """Return a distribution and everything that it requires here."""
    found, queue = set(), [(name, extras)]
    while queue:
        name, extras = queue.pop()
        if name in found:
            continue
        found.add(name)
        for line in importlib.metadata.requires(name) or []:
            requirement = Requirement(line)
            markers = (
                [requirement.marker.evaluate({"extra": extra}) for extra in extras | {""}]
                if requirement.marker
                else [True]
            )
            if any(markers):
                queue.append((requirement.name.lower(), requirement.extras))
    return found


def size(name: str) -> float:
    """Return the megabytes of a distribution's files, without compiled bytecode."""
    files = importlib.metadata.files(name) or []
    paths = [Path(str(file.locate())) for file in files if file.suffix != ".pyc"]
    return sum(path.stat().st_size for path in paths if path.exists()) / 1e6


if __name__ == "__main__":
    main()
