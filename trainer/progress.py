"""A progress bar on terminals."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SECONDS = 0.2  # between two pictures of the bar
_CLEAR_LINE = "\r\033[K"


@contextmanager
def open_progress(
    say: Callable[[str], None], first: int, last: int, *, shown: bool
) -> Iterator[tuple[Callable[[str], None], Callable[[int, Mapping[str, float]], None]]]:
    """A bar on standard error, with the time that is left.

    Args:
        say: prints a line.
        first, last: steps made, and to be made.
        shown: whether there is a bar at all.

    Yields:
        What prints a line without hurting the bar, and what is told the step and the values to show after each step.
    """
    if not shown:
        yield say, lambda _step, _values: None
        return
    # Of this process's steps only: from all of them, the time that is left would be told wrong.
    with click.progressbar(
        length=last - first, file=sys.stderr, item_show_func=lambda text: text or "", width=20
    ) as bar:
        drawn = time.monotonic()

        def show(step: int, values: Mapping[str, float]) -> None:
            nonlocal drawn
            if time.monotonic() - drawn < _SECONDS and step != last:
                return
            drawn = time.monotonic()
            text = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
            bar.update(step - first - bar.pos, f"{step}/{last}  {text}")

        def say_above(line: str) -> None:
            click.echo(_CLEAR_LINE, err=True, nl=False)
            say(line)

        yield say_above, show
