"""What is said of a long run on standard error: a bar on terminals, and a line for each picture that fails."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from licrt.runtime.cli.errors import complain

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLEAR_LINE = "\r\033[K"


class Progress:
    """How many of so many items are done."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def done(self) -> None:
        """Count one."""
        if self._bar:
            self._bar.update(1)

    def failed(self, error: str) -> None:
        """Count one, and say what is wrong with it."""
        if self._bar:
            click.echo(_CLEAR_LINE, nl=False, err=True)
        complain(error)
        self.done()


@contextmanager
def progress(count: int) -> Iterator[Progress]:
    """Show a bar while so many items are done, if standard error is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty() or count < 2:
        yield Progress(None)
        return
    with click.progressbar(length=count, show_pos=True, file=sys.stderr) as bar:
        yield Progress(bar)
