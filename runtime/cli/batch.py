"""Several files in one call: where each result goes, and what happens when one of them fails."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from licrt.runtime.cli.report import reporting
from licrt.runtime.cli.sources import find, is_folder
from licrt.runtime.errors import PictureError
from licrt.runtime.files import STANDARD, check_source, check_target, make_directory
from licrt.runtime.interrupts import LeavingAtOnce

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from licrt.runtime.cli.steps import Steps
    from licrt.runtime.errors import LicrtError


@dataclass(frozen=True)
class Item:
    """One file to read and the one to write, either of which may be `-`; or why there is nothing to read."""

    source: str
    target: str
    error: LicrtError | None = None


class _Clash(click.ClickException):
    exit_code = 2


def plan(
    names: Sequence[str],
    output: str | None,
    out_dir: str | None,
    suffix: str,
    suffixes: tuple[str, ...] = (),
    *,
    recursive: bool = False,
) -> list[Item]:
    """Decide what is read and where results go: to `output`, into `out_dir`, or beside each input.

    Args:
        names: files, folders, or `-`.
        output: the one result.
        out_dir: where results go; those of a folder as they lie in the folder.
        suffix: of results that nothing else names.
        suffixes: of the files that are taken from folders.
        recursive: also from the folders below.

    Raises:
        click.UsageError: the options contradict each other.
        click.ClickException: two results would have one name, or one would have that of another's input.

    >>> plan(["a/one.png", "two.png"], None, None, ".lci")
    [Item(source='a/one.png', target='a/one.lci', error=None), Item(source='two.png', target='two.lci', error=None)]
    """
    if output is not None and out_dir is not None:
        raise click.UsageError("-o and --out-dir exclude each other.")
    if output is not None and (len(names) > 1 or is_folder(names[0])):
        raise click.UsageError("-o takes the result of one file; use --out-dir for several.")
    if out_dir is not None and STANDARD in names:
        raise click.UsageError("the standard input has no name to use in --out-dir; use -o.")
    items = []
    for source in find(names, suffixes, recursive=recursive):
        if output is not None or source.path == STANDARD:
            target = STANDARD if output is None else output
        else:
            place = Path(source.path) if out_dir is None else Path(out_dir) / source.below
            target = str(place.parent / f"{place.stem}{suffix}")
        items.append(Item(source.path, target, source.error))
    for item in items:
        expect_no_terminal(item.target)
    return _without_clashes(items)


def expect_no_terminal(target: str) -> None:
    """Raise click.UsageError where a result would go to a terminal."""
    if target == STANDARD and sys.stdout is not None and sys.stdout.isatty():
        raise click.UsageError("the result is not text for a terminal; use -o FILE, or redirect the output.")


def run(
    items: Sequence[Item],
    start: Callable[[], Steps[Any, Any]],
    read: Callable[[str], object],
    *,
    force: bool,
    quiet: bool,
    verbose: bool = False,
    make_directories: bool = False,
) -> None:
    """Run every item, whatever becomes of the others, then leave with the exit code of the whole.

    Args:
        items: from `plan`.
        start: called once, if any output may be written, to load what the work needs; returns the work on each item.
        read: reads a source, only to say what is wrong with it.
        force: existing outputs may be replaced.
        quiet: say nothing but errors.
        verbose: a line for each file, on terminals too.
        make_directories: those of the outputs.

    Raises:
        SystemExit: with the error's own code if the only item failed, with 1 if some of several did.
    """
    with reporting(len(items), quiet=quiet, verbose=verbose) as report:
        writable = []
        for item in items:
            with report.explained(item.source):
                _check(item, read, force=force, make_directories=make_directories)
                writable.append(item)
        if writable:
            with LeavingAtOnce():
                from licrt.runtime.cli.steps import take

                steps = start()
            take(writable, steps, report, verbose=verbose)
    if report.codes:
        raise SystemExit(report.codes[0] if len(items) == 1 else 1)


def _without_clashes(items: Sequence[Item]) -> list[Item]:
    """Drop files that were named twice; refuse results that would replace each other, or what is still to be read."""
    sources = {os.path.normpath(item.source) for item in items if item.source != STANDARD}
    first: dict[str, Item] = {}
    kept = []
    for item in items:
        source, target = os.path.normpath(item.source), os.path.normpath(item.target)
        other = item if item.error else first.setdefault(target, item)
        if other is not item:
            if os.path.normpath(other.source) == source:
                continue
            raise _Clash(
                f"{other.source} and {item.source} would both be written to {item.target}. "
                "Leave one out, and name its result in a call of its own with -o."
            )
        if target != source and target in sources:
            raise _Clash(f"{item.source} would be written to {item.target}, which is to be read, too. Use --out-dir.")
        kept.append(item)
    return kept


def _check(item: Item, read: Callable[[str], object], *, force: bool, make_directories: bool) -> None:
    if item.error:
        raise item.error
    check_source(item.source)
    if STANDARD not in (item.source, item.target) and os.path.realpath(item.source) == os.path.realpath(item.target):
        read(item.source)
        raise PictureError(f"{item.source} would be overwritten by its own result. Name another file with -o")
    if make_directories:
        make_directory(Path(item.target).parent)
    check_target(item.target, force=force)
