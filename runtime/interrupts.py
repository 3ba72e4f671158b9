"""Interrupts while modules are loaded.

Python would print a traceback if they came before a program could guard itself, and extension modules turn them into
errors of their own: onnxruntime "cannot be imported".
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED = 130  # the exit code, as shells give it


class LeavingAtOnce:
    """A context in which Ctrl-C ends the process with one line: there must be nothing to clean up.

    Without effect where Ctrl-C means something else already, or is ignored, as in a script's background jobs.
    """

    def __init__(self, program: str = "lic-run") -> None:
        self._program = program

    def __enter__(self) -> None:
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        self._entered = usual and threading.current_thread() is threading.main_thread()
        if self._entered:
            signal.signal(signal.SIGINT, lambda *_: leave(self._program))

    def __exit__(self, *_: object) -> None:
        if self._entered:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def leave(program: str) -> None:
    """End the process here and now."""
    os.write(2, f"{program}: interrupted\n".encode())
    os._exit(INTERRUPTED)


def run(program: str, load: Callable[[], Callable[..., object]]) -> None:
    """Load a program's click command and run it with the arguments of the process."""
    try:
        with LeavingAtOnce(program):
            command = load()
        command(prog_name=program)
    except KeyboardInterrupt:  # in the moment between the two
        leave(program)
