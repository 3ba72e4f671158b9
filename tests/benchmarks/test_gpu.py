"""The benchmark of GPUs, where there is none."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu.py"


def gpu(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True)


def test_without_a_gpu_there_is_nothing_to_measure(no_driver: None) -> None:
    done = gpu("--device", "tensorrt")
    assert done.stdout == ""
    assert done.stderr.startswith("nothing to measure: device tensorrt cannot be used: no NVIDIA driver")


def test_the_table_has_our_stages_and_both_times() -> None:
    stages = {"analysis": 0.0021, "hyper-analysis": 0.0004, "entropy-encode": 0.003}
    stages |= {"entropy-decode": 0.001, "synthesis": 0.0025}
    both = {"ours": 0.0055, "theirs": 0.11, "ratio": 0.05}
    report = {"encode": both, "decode": both | {"ratio": 0.0333}, "stages": stages}
    factorised = {**report, "stages": {name: stages[name] for name in stages if name != "hyper-analysis"}}
    rows = list(runpy.run_path(str(SCRIPT))["table"]({"mbt2018": report, "bls2017": factorised}))
    assert [row.replace("\N{MULTIPLICATION SIGN}", "x") for row in rows[2:]] == [
        "| `mbt2018` | encode | 5.5 | analysis 2.1, hyper-analysis 0.4, entropy-encode 3.0 | 110.0 | 0.050x |",
        "| `mbt2018` | decode | 5.5 | entropy-decode 1.0, synthesis 2.5 | 110.0 | 0.033x |",
        "| `bls2017` | encode | 5.5 | analysis 2.1, entropy-encode 3.0 | 110.0 | 0.050x |",
        "| `bls2017` | decode | 5.5 | entropy-decode 1.0, synthesis 2.5 | 110.0 | 0.033x |",
    ]
