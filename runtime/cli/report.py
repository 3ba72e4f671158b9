"""What `encode` and `decode` say on standard error: a line or a progress bar for each file, and a summary of many."""

from __future__ import annotations

import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from licrt.runtime.cli.errors import complain, explain, say
from licrt.runtime.errors import LicrtError
from licrt.runtime.files import STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licrt.runtime.codec import Codec

_CLEAR_LINE = "\r\033[K"


@dataclass(frozen=True)
class Done:
    """What became of one file. Sizes are in bytes; `stream_bytes` is one of the other two."""

    source_bytes: int
    target_bytes: int
    stream_bytes: int
    pixels: int
    result: str  # for people
    notes: tuple[str, ...] = ()


def display(name: str, standard: str) -> str:
    """Return a file name for people; `-` is replaced."""
    return standard if name == STANDARD else name


def show_codec(codec: Codec, verbose: bool) -> None:
    """Say which model and engine are in use."""
    if verbose:
        engine = ", ".join(f"{key} {value}" for key, value in codec.engine.items())
        say(f"model {codec.info.name} ({codec.info.id}), {engine}")


def show_stage(name: str, seconds: float) -> None:
    """Say how long one stage took."""
    say(f"  {name:<16} {1e3 * seconds:9.2f} ms")


@contextmanager
def reporting(count: int, *, quiet: bool, verbose: bool) -> Iterator[Report]:
    """Report on a batch of so many files, and sum up when it ends or is interrupted."""
    report = Report(count, quiet, verbose)
    try:
        yield report
    except KeyboardInterrupt:
        report.sum_up()
        raise
    report.sum_up()


class Report:
    """What a batch says. A kind of note is said once, with the first file that it is true of, and counted.

    Attributes:
        codes: exit codes of the files that failed.
    """

    def __init__(self, count: int, quiet: bool, verbose: bool) -> None:
        self.codes: list[int] = []
        self._count = count
        self._quiet = quiet
        self._verbose = verbose
        self._bar: Any = None
        self._done = 0
        self._source_bytes = self._target_bytes = self._stream_bytes = self._pixels = 0
        self._notes: Counter[str] = Counter()
        self._failed: list[str] = []
        self._begin = time.perf_counter()

    @contextmanager
    def progress(self, count: int) -> Iterator[None]:
        """Show how many of so many files are done: a bar on terminals, unless details are asked for."""
        terminal = sys.stderr is not None and sys.stderr.isatty()
        if count < 2 or not terminal or self._quiet or self._verbose:
            yield
            return
        with click.progressbar(length=count, show_pos=True, file=sys.stderr) as self._bar:
            try:
                yield
            finally:
                self._bar = None

    def done(self, source: str, target: str, done: Done, seconds: float) -> None:
        """Take notice of a file that is written."""
        self._done += 1
        self._source_bytes += done.source_bytes
        self._target_bytes += done.target_bytes
        self._stream_bytes += done.stream_bytes
        self._pixels += done.pixels
        name = display(source, "stdin")
        if not self._bar:
            self._say(f"{name} -> {display(target, 'stdout')}  {done.result}  {1e3 * seconds:.0f} ms")
        for note in done.notes:
            self._notes[note] += 1
            if self._notes[note] == 1:
                self._say(f"  {name}: {note}")
        self._step()

    @contextmanager
    def explained(self, source: str) -> Iterator[None]:
        """Complain of what goes wrong with a file, even in a quiet batch, and go on."""
        try:
            yield
        except (LicrtError, MemoryError) as error:
            message, code = explain(error)
            name = display(source, "standard input")
            named = message.startswith(f"{name} ") or f" {name}:" in message
            line = " ".join((message if named else f"{name}: {message}").split())
            self.codes.append(code)
            self._failed.append(line)
            self._clear()
            complain(line)
            self._step()

    def sum_up(self) -> None:
        """Print a summary of several files."""
        if self._count < 2 or self._quiet:
            return
        failed = f", {len(self._failed)} failed" if self._failed else ""
        say(f"files   {self._done:,} of {self._count:,} done{failed}")
        if self._done:
            seconds = time.perf_counter() - self._begin
            say(f"bytes   {self._source_bytes:,} -> {self._target_bytes:,}")
            say(f"bpp     {8 * self._stream_bytes / self._pixels:.3f} over {1e-6 * self._pixels:,.2f} megapixels")
            say(f"time    {seconds:,.1f} s, {1e-6 * self._pixels / seconds:.2f} megapixels/s")
        for note, count in self._notes.items():
            say(f"note    {note} ({count:,} file{'s' if count > 1 else ''})")
        for line in self._failed:
            say(f"failed  {line}")

    def _say(self, line: str) -> None:
        if not self._quiet:
            self._clear()
            say(line)

    def _clear(self) -> None:
        if self._bar:
            click.echo(_CLEAR_LINE, nl=False, err=True)

    def _step(self) -> None:
        if self._bar:
            self._bar.update(1)
