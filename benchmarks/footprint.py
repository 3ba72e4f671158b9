"""What the runtime weighs: installed megabytes, modules loaded, and a cold `lic-run decode` as a whole process.

    .venv/bin/python benchmarks/footprint.py PICTURE

Sizes are of the files that pip recorded for licrt[cpu] and everything that it needs.
"""

from __future__ import annotations

import importlib.metadata
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement

from licrt.runtime.timing import seconds

RUNS = 7


def main() -> None:
    """Print sizes, then times."""
    sizes = {name: size(name) for name in sorted(closure("licrt", {"cpu"}))}
    for name, megabytes in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{name:<16}{megabytes:8.1f} MB")
    print(f"{'together':<16}{sum(sizes.values()):8.1f} MB")
    program = (
        "import sys, licrt.runtime\nfrom licrt.runtime import Codec\nCodec.load('default')\nprint(*sorted(sys.modules))"
    )
    modules = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    print("torch or onnx loaded by the runtime:", sorted({"torch", "onnx"} & set(modules)) or "no")
    with tempfile.TemporaryDirectory() as folder:
        stream, picture = Path(folder) / "a.lci", Path(folder) / "a.png"
        lic_run("encode", sys.argv[1], "-o", str(stream))
        times = [lic_run("decode", str(stream), "-o", str(picture), "-f") for _ in range(RUNS)]
    print(f"cold lic-run decode, whole process: median {statistics.median(times):.2f} s of {RUNS}")


def lic_run(*arguments: str) -> float:
    """Run the real command in a process of its own and return its seconds."""
    command = [str(Path(sys.executable).with_name("lic-run")), *arguments, "--quiet"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    return seconds(lambda: subprocess.run(command, check=True, env=environment))


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
