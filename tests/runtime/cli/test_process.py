"""What only a process of its own shows: interrupts, broken pipes, full disks and closed descriptors."""

from __future__ import annotations

import os
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


def redirected(redirection: str, *arguments: str) -> tuple[int, str]:
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *LIC_RUN, *arguments]
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=usual)
    return process.returncode, process.stderr


def test_reports_that_cannot_be_written_are_6_in_one_line(stream: Path) -> None:
    message = "lic-run: cannot read or write: No space left on device\n"
    assert redirected(">/dev/full", "info", str(stream)) == (6, message)
    assert redirected(">/dev/full", "models", "--json") == (6, message)


def test_a_full_log_does_not_change_the_exit_code(stream: Path) -> None:
    assert redirected("2>/dev/full", "decode", "missing.lci") == (6, "")
    assert redirected("2>/dev/full", "decode", str(stream), "-o", "out.png", "-m", "missing") == (4, "")


def test_closed_standard_streams_are_6_in_one_line(photo: Path) -> None:
    message = "lic-run: cannot read the standard input: Bad file descriptor\n"
    assert redirected("<&-", "decode", "-", "-o", "out.png") == (6, message)
    message = f"lic-run: {photo}: cannot write the standard output: Bad file descriptor\n"
    assert redirected(">&-", "encode", str(photo), "-o", "-") == (6, message)
