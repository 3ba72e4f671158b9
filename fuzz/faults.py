"""Puts faults into a copy of the sources, one after the other, and tells how soon a fuzz target notices each.

    PATH=.venv-fuzz/bin:$PATH PYTHONPATH=tests .venv/bin/python fuzz/faults.py [SECONDS [TARGET...]]

Needs clang, and atheris in the first python3 of the path. Prints the table of docs/fuzzing.md; fails if a fault is not
noticed within so many seconds (90).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from references.programs import CMAKE, ROOT, configure, run

if TYPE_CHECKING:
    from collections.abc import Sequence

CORE = "runtime/native/src"


class Fault(NamedTuple):
    """What is replaced in a file, and the target that has to notice."""

    name: str
    target: str
    file: str
    old: str
    new: str


FAULTS = (
    Fault(
        "escapes may have leading zeros", "coder_decode", f"{CORE}/decode.cpp", "if (nibbles != 0 &&", "if (false &&"
    ),
    Fault("bytes may be left over", "coder_decode", f"{CORE}/decode.cpp", "ended && next_ == end_", "ended"),
    Fault(
        "a state is renormalised too late", "coder_round_trip", f"{CORE}/encode.cpp", ">= 1u << kPre", "> 1u << kPre"
    ),
    Fault("an array may be 4 bytes short", "network", f"{CORE}/blob.h", "left_ >= padded", "left_ + 4 >= padded"),
    Fault("layers may swell", "network", f"{CORE}/run.cpp", "kMostSwelling * ends", "kMaxSide * kMaxSide * ends"),
    Fault("AVX2 forgets sums", "context", f"{CORE}/kernels_avx2.cpp", "= add ?", "= add && window.run > 8 ?"),
    Fault("bias sets are not proved", "context", f"{CORE}/context_model.cpp", "prove(layer, context.bits, ", "(void)("),
    Fault("bytes may follow a stream", "decoder", "examples/c/stream.c", "if (size > stream->size)", "if (false)"),
    Fault("thresholds need no order", "readers", "integer.py", "bool(ordered.all())", "True"),
    Fault("tensors may overlap", "readers", "tensors.py", "if begin != place:", "if begin > place:"),
    Fault("accumulator_bits may be 32.0", "readers", "integer.py", "type(bits) is int and bits in", "bits in"),
    Fault("KeyError is let out", "readers", "description.py", "except (KeyError, TypeError", "except (TypeError"),
)


def copy_sources(folder: Path) -> None:
    """Copy what is compiled, and the Python package that is imported, into a folder."""
    import licrt.runtime

    for name in (
        "CMakeLists.txt",
        "cmake",
        "examples/c",
        "fuzz",
        "runtime/native",
        "runtime/__init__.py",
        "tests/runtime",
    ):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    shutil.copytree(Path(licrt.runtime.__file__).parent, folder / "package" / "licrt" / "runtime")


def noticed(fault: Fault, folder: Path, seconds: int) -> str | None:
    """Return after what, with the fault in its place."""
    python = fault.target == "readers"
    program: list[str | Path] = ["python3", ROOT / "fuzz" / "fuzz_readers.py", "-max_len=16384"]
    if not python:
        run(*CMAKE, "--build", folder / "build", "--target", f"fuzz_{fault.target}")
        program = [folder / "build" / "fuzz" / f"fuzz_{fault.target}", "-max_len=6144"]
    options = [f"-max_total_time={seconds}", "-print_final_stats=1", f"-artifact_prefix={folder}/", "-timeout=20"]
    known = [path for kind in ("corpus", "regressions") if (path := ROOT / "fuzz" / kind / fault.target).exists()]
    begin = time.monotonic()
    done = subprocess.run(
        [*program, *options, tempfile.mkdtemp(dir=folder), *known],
        env=os.environ | {"PYTHONPATH": str(folder / "package")},
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    took = time.monotonic() - begin
    inputs = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    return f"{took:.0f} s, {int(inputs[1]):,} inputs" if done.returncode and inputs else None


def main(seconds: int, targets: Sequence[str]) -> int:
    """Try the faults of some targets, or of all; returns how many were not noticed."""
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_sources(folder)
        compilers = ("-DCMAKE_C_COMPILER=clang", "-DCMAKE_CXX_COMPILER=clang++", "-DCMAKE_BUILD_TYPE=None")
        configure(folder, folder / "build", "-DLICRT_PYTHON=OFF", "-DLICRT_FUZZ=ON", *compilers)
        print("| fault | target | noticed after |\n|---|---|---|")
        for fault in (fault for fault in FAULTS if not targets or fault.target in targets):
            path = folder / (f"package/licrt/runtime/{fault.file}" if fault.target == "readers" else fault.file)
            text = path.read_text()
            assert fault.old in text, fault
            path.write_text(text.replace(fault.old, fault.new))
            after = noticed(fault, folder, seconds)
            path.write_text(text)
            missed += after is None
            print(f"| {fault.name} | `{fault.target}` | {after or 'never'} |", flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 90, sys.argv[2:]))
