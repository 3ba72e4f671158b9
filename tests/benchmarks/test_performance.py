"""The table of README's numbers: parts that run, and parts that fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "performance.py"


def performance(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_parts_are_listed_and_others_refused() -> None:
    done = performance("--list", "--kodak", "nowhere")
    assert done.stdout.split() == [
        *("sizes", "times", "synthesis", "hyper", "coder", "instructions", "memory", "several", "cold"),
        *("installed", "architectures"),
    ]
    assert done.returncode == 0
    done = performance("size")
    assert done.returncode == 2
    assert "unknown part size" in done.stderr


def test_a_part_that_fails_does_not_stop_the_others(shared_data: Path) -> None:
    done = performance("coder", "installed", "--oracle", "/nowhere/python")
    assert done.returncode == 1
    assert "there is no /nowhere/python" in done.stderr
    lines = done.stdout.splitlines()
    assert lines[-4:-2] == ["| what | licrt | compared with | |", "|---|---|---|---|"]
    assert lines[-2] == "| coder | FAILED |  |  |"
    assert lines[-1].startswith("| installed, with everything it needs | ")
    assert "of which onnxruntime " in lines[-1]
