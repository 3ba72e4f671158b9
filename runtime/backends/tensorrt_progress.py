"""How far TensorRT is with an engine, on standard error: a count where a person looks, else one line."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any, TextIO

PATIENCE = 2.0  # seconds without a word: many builds take less


class Progress:
    """Shows one build. `monitor` is what TensorRT tells; an interrupt there ends the build, and is raised by `end`."""

    def __init__(self, trt: Any, title: str, stream: TextIO | None) -> None:
        self._title, self._stream = title, stream
        self._terminal = bool(stream and stream.isatty())
        self._begin = time.monotonic()
        self._phases: dict[str, tuple[str | None, int, int]] = {}
        self._said = ""
        self._lock = threading.Lock()
        self.stopped_by: BaseException | None = None
        self.monitor = _monitor(trt, self)

    def end(self) -> None:
        """Say no more.

        Raises:
            BaseException: what ended the build from here.
        """
        if self._said and self._terminal:
            self._write("\n")
        if self.stopped_by:
            raise self.stopped_by

    def phase(self, name: str, parent: str | None, steps: int) -> None:
        """Begin a phase of so many steps, itself one step of its parent."""
        with self._lock:
            self._phases[name] = (parent, 0, max(steps, 1))

    def step(self, name: str, step: int) -> None:
        """End a step of a phase."""
        with self._lock:
            parent, _, steps = self._phases[name]
            self._phases[name] = (parent, step + 1, steps)
            self._show()

    def finish(self, name: str) -> None:
        """End a phase."""
        with self._lock:
            self._phases.pop(name, None)

    def done(self) -> float:
        """Return which part of the outermost phase is done."""
        return sum(self._part(name) for name, (parent, _, _) in self._phases.items() if parent not in self._phases)

    def _part(self, name: str) -> float:
        _, done, steps = self._phases[name]
        inner = sum(self._part(each) for each, (parent, _, _) in self._phases.items() if parent == name)
        return min(done + inner, steps) / steps

    def _show(self) -> None:
        if time.monotonic() - self._begin < PATIENCE:
            return
        line = f"{self._title} … {100 * min(self.done(), 1.0):3.0f} %" if self._terminal else f"{self._title} …\n"
        if line != self._said and (self._terminal or not self._said):
            self._said = line
            self._write(f"\r{line}" if self._terminal else line)

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a log that cannot be written to fails no work
            if self._stream:
                self._stream.write(text)
                self._stream.flush()


def _monitor(trt: Any, progress: Progress) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """What TensorRT calls, in whatever thread; nothing may be raised through it."""

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            self._guarded(progress.phase, name, parent, steps)

        def step_complete(self, name: str, step: int) -> bool:
            self._guarded(progress.step, name, step)
            return progress.stopped_by is None

        def phase_finish(self, name: str) -> None:
            self._guarded(progress.finish, name)

        def _guarded(self, call: Any, *arguments: object) -> None:
            try:
                call(*arguments)
            except BaseException as error:  # an interrupt above all
                progress.stopped_by = error

    return Monitor()
