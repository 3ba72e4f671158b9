"""Cold start: from the call of a new `lic-run` to the first byte of its result, and the most memory that it took."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from licrt.runtime.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence

# What it takes in memory, the process says itself: of a process that has ended, Linux says no less than its parent had.
PROGRAM = """
import atexit, sys
def say():
    from licrt.runtime.machine import peak_memory
    print(peak_memory(), file=sys.stderr)
atexit.register(say)
from licrt.runtime.__main__ import main
main()
"""


@dataclass(frozen=True)
class Start:
    """One new process: seconds to the first byte, and bytes of resident memory at most, where the system tells."""

    seconds: float
    peak_bytes: int | None


def cold_start(*arguments: str) -> Start:
    """Run `lic-run` with arguments that make it write a result to the standard output.

    The whole result is ready when its first byte comes: `lic-run` writes nothing before. Python, engine and model have
    to be loaded, but come from the system's file cache if they were read before, as here they mostly were.

    Raises:
        BackendError: it failed.
    """
    begin = time.perf_counter()
    command = [sys.executable, "-c", PROGRAM, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603
        output, errors = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stderr)
        first = output.read(1)
        seconds = time.perf_counter() - begin
        while output.read(1 << 20):
            pass
        said = errors.read().decode(errors="replace").split("\n")[:-1]
    if process.returncode or not first or not said:
        why = said[0] if said else "it said nothing"
        raise BackendError(f"a new lic-run {arguments[0]} ended with code {process.returncode}: {why}")
    return Start(seconds, int(said[-1]) if said[-1].isdigit() else None)


def starts(arguments: Sequence[Sequence[str]], count: int) -> list[list[Start]]:
    """Start each of several commands `count` times, in turns."""
    rounds = [[cold_start(*command) for command in arguments] for _ in range(count)]
    return [list(column) for column in zip(*rounds, strict=True)]
