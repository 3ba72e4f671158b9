"""Interrupts while modules are loaded.

Python would print a traceback if they came before `lic-run` could guard itself, and extension modules turn them into
errors of their own: onnxruntime "cannot be imported".
"""

from __future__ import annotations

import os
import signal
import threading

INTERRUPTED = 130  # the exit code, as shells give it


class LeavingAtOnce:
    """A context in which Ctrl-C ends the process with one line: there must be nothing to clean up.

    Without effect where Ctrl-C means something else already, or is ignored, as in a script's background jobs.
    """

    def __enter__(self) -> None:
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        self._entered = usual and threading.current_thread() is threading.main_thread()
        if self._entered:
            signal.signal(signal.SIGINT, leave)

    def __exit__(self, *_: object) -> None:
        if self._entered:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def leave(*_: object) -> None:
    """End the process here and now; also a handler of signals."""
    os.write(2, b"lic-run: interrupted\n")
    os._exit(INTERRUPTED)
