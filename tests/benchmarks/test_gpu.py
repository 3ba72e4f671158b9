"""The benchmark of GPUs, where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import lane

from licrt.runtime.backends.driver import NoDriverError, find_driver

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu.py"


def gpu(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True)


def test_without_a_gpu_there_is_nothing_to_measure() -> None:
    try:
        find_driver()
    except NoDriverError:
        done = gpu("--device", "tensorrt")
        assert done.stdout == ""
        assert done.stderr.startswith("nothing to measure: device tensorrt cannot be used: no NVIDIA driver")
    else:
        pytest.skip("this machine has a driver")


@pytest.mark.oracle
def test_the_table() -> None:
    options = ("--models", "mbt2018-mean:8:12", "--size", "80x48", "--pairs", 1, "--threads", 1)
    lines = gpu("--device", "cpu", *options, "--oracle", lane("oracle")).stdout.splitlines()
    assert lines[0].startswith("engine onnxruntime, version ")
    encode, decode = (line.split(" | ") for line in lines[3:])
    assert encode[:2] == ["| `mbt2018-mean:8:12`", "encode"]
    assert [part.split()[0] for part in encode[3].split(", ")] == ["analysis", "hyper-analysis", "entropy-encode"]
    assert [part.split()[0] for part in decode[3].split(", ")] == ["entropy-decode", "synthesis"]
    assert float(decode[5].rstrip(" |")[:-1]) > 0
