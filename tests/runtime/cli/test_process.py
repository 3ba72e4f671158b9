"""What only a process of its own shows: interrupts and broken pipes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

LIC_RUN = [sys.executable, "-c", "from licrt.runtime.cli import main; main(prog_name='lic-run')"]


def test_interrupt_is_130_and_leaves_nothing(photo: Path) -> None:
    command = [*LIC_RUN, "encode", "-v", "-", "-o", "out.lci"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("model ")  # loaded; now it waits for its input
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "lic-run: interrupted\n"
    assert process.returncode == 130
    assert list(Path().iterdir()) == [photo]


def test_a_reader_that_went_away_is_6_in_one_line(stream: Path) -> None:
    command = [*LIC_RUN, "decode", str(stream), "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        message = process.stderr.read().decode()
    assert process.returncode == 6
    assert message == f"lic-run: {stream}: cannot write the standard output: Broken pipe\n"
