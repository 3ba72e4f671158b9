"""What only processes show: killed, interrupted, out of luck, and gone with their parent."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from references.sets import LIC_EVAL, write_pictures

from licrt.evaluation.storage import read_results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COUNT = 60
MANIFEST = Path("out/manifest.jsonl")


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder `set` with enough pictures to be killed amid them."""
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "set", COUNT, 96, 96)


def children(process: subprocess.Popen[str]) -> list[int]:
    """Those of a process."""
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in text.split()]


def alive(pids: list[int]) -> list[int]:
    """Those that have not ended; who has ended and is not yet waited for has."""
    states = {}
    for pid in pids:
        try:
            states[pid] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return [pid for pid, state in states.items() if state != "Z"]


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so, a minute at most."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lines() -> int:
    return MANIFEST.read_bytes().count(b"\n") if MANIFEST.exists() else 0


@pytest.fixture(params=[1, 2], ids=["one process", "two processes"])
def midway(request: pytest.FixtureRequest, many: None) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A run that has begun to measure, and the processes that it started."""
    command = [*LIC_EVAL, "rd", "set", "-o", "out", "-j", str(request.param), "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: lines() > 4)
        started = children(process)
        assert len(started) >= request.param if request.param > 1 else not started
        yield process, started
        process.kill()


def test_a_run_that_was_killed_goes_on(midway: tuple[subprocess.Popen[str], list[int]], lic_eval: Callable) -> None:
    process, started = midway
    process.kill()
    process.wait()
    until(lambda: not alive(started))
    kept = MANIFEST.read_bytes()
    done = kept.count(b"\n") - 1
    assert 4 <= done < COUNT
    processes = json.loads(kept.splitlines()[0])["licrt"]["conditions"]["processes"]
    command = [*LIC_EVAL, "rd", "set", "-o", "out", "-j", str(processes), "--threads", "1"]
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stderr) == (0, f"{done} of {COUNT} were measured before\n")
    assert MANIFEST.read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    files = Counter(json.loads(line)["image"]["file"] for line in MANIFEST.read_bytes().splitlines()[1:])
    assert files == dict.fromkeys((f"{number}.png" for number in range(COUNT)), 1)
    assert len(read_results("out/licrt2026-mse.json").points[0].images) == COUNT
    assert [path.name for path in Path("out").rglob(".*")] == []


@pytest.mark.parametrize("everybody", [False, True], ids=["the parent alone", "everybody, as terminals do"])
def test_interrupts_are_130_in_one_line(midway: tuple[subprocess.Popen[str], list[int]], everybody: bool) -> None:
    process, started = midway
    for pid in [*(started if everybody else []), process.pid]:
        os.kill(pid, signal.SIGINT)
    assert process.wait(10) == 130
    assert process.stderr is not None
    assert process.stderr.read() == "lic-eval: interrupted\n"
    until(lambda: not alive(started))
    assert lines() < COUNT


@pytest.mark.parametrize("midway", [2], indirect=True)
def test_a_process_that_dies_is_said(midway: tuple[subprocess.Popen[str], list[int]]) -> None:
    process, started = midway
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in started}
    os.kill(next(pid for pid, command in commands.items() if b"spawn_main" in command), signal.SIGKILL)
    assert process.wait(10) == 6
    assert process.stderr is not None
    message = process.stderr.read()
    assert message.startswith("lic-eval: a process died, perhaps for lack of memory, at ")
    assert message.endswith("Start again to go on from here, with fewer processes (-j)\n")
    assert message.count("\n") == 1
    until(lambda: not alive(started))


def test_what_a_killed_run_left_half_written_is_removed(many: None, lic_eval: Callable) -> None:
    leftover = Path("out/streams/licrt2026-mse-12345678/.licrt-0123456789ab.tmp")
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    assert lic_eval("rd", "set/0.png", "-o", "out").exit_code == 0
    assert not leftover.exists()


def test_memory_is_that_of_one_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """60 pictures more would take 11 MB more, if they were kept."""
    monkeypatch.chdir(tmp_path)
    peaks = []
    for count in (10, 70):
        write_pictures(tmp_path / str(count), count, 150, 420)
        command = [*LIC_EVAL, "rd", str(count), "-o", f"out-{count}", "--threads", "1"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks.append(usage.ru_maxrss)
    assert peaks[1] - peaks[0] < 5_000


def test_terminals_see_how_far_it_is(many: None) -> None:
    ours, theirs = pty.openpty()
    command = [*LIC_EVAL, "rd", "set", "-o", "out", "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # the end of a terminal that nobody holds any more
            while part := os.read(ours, 4096):
                seen += part
    os.close(ours)
    assert process.returncode == 0
    assert f"{COUNT}/{COUNT}".encode() in seen
