"""Interrupts while modules are loaded, and requests to end.

Python would print a traceback if interrupts came before `lic-run` could guard itself, and extension modules turn them
into errors of their own: onnxruntime "cannot be imported". SIGTERM would end the process without tidying up.
"""

from __future__ import annotations

import os
import signal
import threading

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

    def __enter__(self) -> None:
        main = threading.current_thread() is threading.main_thread()
        usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: _terminate}
        self._usual = {number: one for number, one in usual.items() if main and signal.getsignal(number) is one}
        for number in self._usual:
            signal.signal(number, leave)

    def __exit__(self, *_: object) -> None:
        for number, usual in self._usual.items():
            signal.signal(number, usual)


def leave(number: int = signal.SIGINT, *_: object) -> None:
    """End the process here and now; also a handler of signals."""
    terminated = number == signal.SIGTERM
    os.write(2, b"lic-run: terminated\n" if terminated else b"lic-run: interrupted\n")
    os._exit(TERMINATED if terminated else INTERRUPTED)
