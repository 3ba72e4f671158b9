"""Work that may crash or hang, done in another process: every item has an outcome, and the work goes on behind it.

A worker is a program that takes `--first N --last M`, prints one line when it is ready, and then one JSON object a line
for each of the seeds N to M - 1, in order.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CRASH, HANG = "crash", "hang"
_POLL_SECONDS = 0.2
_START_SECONDS = 300


class WorkerError(Exception):
    """A worker failed before it had anything to do."""


def watch(
    command: Sequence[str], seeds: range, *, cpu_seconds: float, wall_seconds: float, env: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield what a worker says of each seed; `{"seed", "outcome", "detail"}` where it crashed or hung instead.

    Args:
        command: the worker, without the two options.
        seeds: of step 1.
        cpu_seconds: of processor time of all its threads that a seed may take; not wall time, which says nothing on a
            busy machine.
        wall_seconds: that a seed may take in all, for one that sleeps for ever.
        env: environment of the worker.

    Raises:
        WorkerError: the worker does not even start.
    """
    first = seeds.start
    while first < seeds.stop:
        options = ("--first", str(first), "--last", str(seeds.stop))
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=errors, env=dict(env)) as process,
        ):
            try:
                lines = _lines(process, cpu_seconds, wall_seconds)
                if next(lines, None) is None:
                    raise WorkerError(f"the worker ended before it began ({process.wait()}): {_tail(errors)}")
                fate = CRASH
                for line in lines:
                    if line is None:
                        fate = HANG
                        break
                    yield json.loads(line)
                    first += 1
            finally:
                process.kill()
                code = process.wait()
            if first < seeds.stop:
                yield {"seed": first, "outcome": fate, "detail": f"exit code {code}: {_tail(errors)}"}
                first += 1


def _lines(process: subprocess.Popen[bytes], cpu: float, wall: float) -> Iterator[bytes | None]:
    """Yield what a process prints, line by line; None, and no more, when a line takes too long."""
    with selectors.DefaultSelector() as selector:
        assert process.stdout is not None
        selector.register(process.stdout, selectors.EVENT_READ)
        rest, ready = b"", False
        began, used = time.monotonic(), 0.0
        while True:
            if not selector.select(_POLL_SECONDS):
                limits = (cpu, wall) if ready else (_START_SECONDS, _START_SECONDS)
                if processor_seconds(process.pid) - used > limits[0] or time.monotonic() - began > limits[1]:
                    yield None
                    return
                continue
            part = os.read(process.stdout.fileno(), 1 << 16)
            if not part:
                return
            *lines, rest = (rest + part).split(b"\n")
            yield from lines
            if lines:
                ready = True
                began, used = time.monotonic(), processor_seconds(process.pid)


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used, all threads together."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
    except OSError:  # it has just ended
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _tail(errors: IO[bytes]) -> str:
    """Return what matters of what a worker said last: a sanitizer's summary, or the last line."""
    errors.seek(0)
    lines = [line for line in errors.read().decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if "ERROR:" in line or "runtime error:" in line or "SUMMARY:" in line]
    return " | ".join(telling[:3] or lines[-1:])
