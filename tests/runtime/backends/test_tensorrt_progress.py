"""What a build says, and how it is ended."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from licrt.runtime.backends import Shapes, tensorrt_progress
from licrt.runtime.backends.tensorrt_build import TensorRt, build_engine, import_tensorrt
from licrt.runtime.backends.tensorrt_progress import Progress

LATENT = Shapes(*[(1, 384, 8, 8)] * 3)


@pytest.fixture
def tensorrt(tensorrt_rtx) -> TensorRt:
    return import_tensorrt("tensorrt_rtx")


def test_a_build_tells_how_far_it_is(tensorrt: TensorRt, hyper_analysis: bytes, monkeypatch, capsys) -> None:
    monkeypatch.setattr(tensorrt_progress, "PATIENCE", 0)
    build_engine(tensorrt, hyper_analysis, "default/hyper_analysis", {"input": LATENT})
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"building an engine of tensorrt_rtx {tensorrt.version} for default/hyper_analysis …\n"


def test_a_quick_build_says_nothing(tensorrt: TensorRt, hyper_analysis: bytes, monkeypatch, capsys) -> None:
    monkeypatch.setattr(tensorrt_progress, "PATIENCE", 60)
    build_engine(tensorrt, hyper_analysis, "it", {"input": LATENT})
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_one_line_that_counts(monkeypatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(tensorrt_progress, "PATIENCE", 0)
    trt = type("trt", (), {"IProgressMonitor": object})
    terminal = Terminal()
    progress = Progress(trt, "building", terminal)
    monitor = progress.monitor
    monitor.phase_start("all", None, 2)
    monitor.phase_start("half", "all", 4)
    for step in range(4):
        assert monitor.step_complete("half", step)
    monitor.phase_finish("half")
    monitor.step_complete("all", 0)
    monitor.step_complete("all", 1)
    progress.end()
    shares = [line.split()[-2] for line in terminal.getvalue().split("\r")[1:]]
    assert shares == ["12", "25", "38", "50", "100"]
    assert terminal.getvalue().endswith("100 %\n")


def test_an_interrupt_ends_a_build(tensorrt_rtx) -> None:
    program = f"""
import os, signal
from licrt.runtime.backends import Shapes, tensorrt_progress
from licrt.runtime.backends.tensorrt_build import build_engine, import_tensorrt
from licrt.runtime.models import EMBEDDED
step = tensorrt_progress.Progress.step
def interrupted(self, *arguments):
    os.kill(os.getpid(), signal.SIGINT)
    step(self, *arguments)
tensorrt_progress.Progress.step = interrupted
graph = (EMBEDDED / "default" / "synthesis.onnx").read_bytes()
try:
    build_engine(import_tensorrt("tensorrt_rtx"), graph, "it", {{"input": Shapes{tuple(LATENT)}}})
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("interrupted\n", 0), done.stderr
