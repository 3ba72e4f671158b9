"""Several files in one call: where each result goes, and what happens when one of them fails."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from licrt.runtime.cli.errors import complain, explain
from licrt.runtime.errors import LicrtError, PictureError
from licrt.runtime.files import STANDARD, check_source, check_target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Item:
    """One file to read and the one to write; either may be `-`."""

    source: str
    target: str


def plan(sources: Sequence[str], output: str | None, out_dir: str | None, suffix: str) -> list[Item]:
    """Decide where results go: to `output`, into `out_dir`, or beside each input with another suffix.

    Raises:
        click.UsageError: the options contradict each other, or two results would have one name.

    >>> plan(["a/one.png", "two.png"], None, None, ".lci")
    [Item(source='a/one.png', target='a/one.lci'), Item(source='two.png', target='two.lci')]
    """
    if output is not None and out_dir is not None:
        raise click.UsageError("-o and --out-dir exclude each other.")
    if output is not None and len(sources) > 1:
        raise click.UsageError("-o takes the result of one file; use --out-dir for several.")
    items = [Item(source, _target(source, out_dir, suffix) if output is None else output) for source in sources]
    targets = Counter(item.target for item in items)
    for target, count in targets.items():
        if count > 1:
            raise click.UsageError(f"{count} results would be written to {target}.")
    for target in targets:
        expect_no_terminal(target)
    return items


def expect_no_terminal(target: str) -> None:
    """Raise click.UsageError where a result would go to a terminal."""
    if target == STANDARD and sys.stdout is not None and sys.stdout.isatty():
        raise click.UsageError("the result is not text for a terminal; use -o FILE, or redirect the output.")


def run(items: Sequence[Item], start: Callable[[], Callable[[Item], None]], *, force: bool, quiet: bool) -> None:
    """Run every item, whatever becomes of the others, then leave with the exit code of the whole.

    Args:
        items: from `plan`.
        start: called once, if any output may be written, to load what the work needs; returns the work on one item.
        force: existing outputs may be replaced.
        quiet: leave out the summary.

    Raises:
        SystemExit: with the error's own code if the only item failed, with 1 if some of several did.
    """
    codes: list[int] = []
    writable = [item for item in items if _succeeds(item, lambda item: _check(item, force=force), codes)]
    if writable:
        work = start()
        for item in writable:
            _succeeds(item, work, codes)
    if len(items) > 1 and not quiet:
        failed = f", {len(codes)} failed" if codes else ""
        click.echo(f"{len(items) - len(codes)} of {len(items)} files done{failed}", err=True)
    if codes:
        raise SystemExit(codes[0] if len(items) == 1 else 1)


def display(name: str, standard: str) -> str:
    """Return a file name for people; `-` is replaced."""
    return standard if name == STANDARD else name


def _target(source: str, out_dir: str | None, suffix: str) -> str:
    if source == STANDARD:
        if out_dir is not None:
            raise click.UsageError("the standard input has no name to use in --out-dir; use -o.")
        return STANDARD
    path = Path(source)
    return str((path.parent if out_dir is None else Path(out_dir)) / f"{path.stem}{suffix}")


def _check(item: Item, *, force: bool) -> None:
    check_source(item.source)
    if STANDARD not in (item.source, item.target) and os.path.realpath(item.source) == os.path.realpath(item.target):
        raise PictureError(f"{item.source} would be overwritten by its own result. Name another file with -o")
    check_target(item.target, force=force)


def _succeeds(item: Item, work: Callable[[Item], None], codes: list[int]) -> bool:
    try:
        work(item)
    except (LicrtError, MemoryError) as error:
        message, code = explain(error)
        name = display(item.source, "standard input")
        complain(message if name in message else f"{name}: {message}")
        codes.append(code)
        return False
    return True
