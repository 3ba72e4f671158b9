"""Interrupts while modules are loaded, and requests to end.

Python would print a traceback if interrupts came before a program could guard itself, and extension modules turn them
into errors of their own: onnxruntime "cannot be imported". SIGTERM would end the process without tidying up.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED, TERMINATED = 130, 143  # the exit codes, as shells give them


class Terminated(KeyboardInterrupt):
    """SIGTERM: as an interrupt in all but its exit code."""


def end_tidily_when_asked() -> None:
    """Let SIGTERM be an exception in the main thread, unless it means something else already."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


def _terminate(*_: object) -> None:
    raise Terminated


class LeavingAtOnce:
    """A context in which Ctrl-C and SIGTERM end the process with one line: there must be nothing to clean up.

    Without effect where they mean something else already, or are ignored, as in a script's background jobs.
    """

    def __init__(self, program: str = "lic-run") -> None:
        self._program = program

    def __enter__(self) -> None:
        main = threading.current_thread() is threading.main_thread()
        usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: _terminate}
        self._usual = {number: one for number, one in usual.items() if main and signal.getsignal(number) is one}
        for number in self._usual:
            signal.signal(number, lambda number, _: leave(self._program, number))

    def __exit__(self, *_: object) -> None:
        for number, usual in self._usual.items():
            signal.signal(number, usual)


def leave(program: str, number: int = signal.SIGINT) -> None:
    """End the process here and now, as if by that signal."""
    word, code = ("terminated", TERMINATED) if number == signal.SIGTERM else ("interrupted", INTERRUPTED)
    os.write(2, f"{program}: {word}\n".encode())
    os._exit(code)


def run(program: str, load: Callable[[], Callable[..., object]]) -> None:
    """Load a program's click command and run it with the arguments of the process."""
    try:
        end_tidily_when_asked()
        with LeavingAtOnce(program):
            command = load()
        command(prog_name=program)
    except Terminated:  # in the moments between
        leave(program, signal.SIGTERM)
    except KeyboardInterrupt:
        leave(program)
