"""The three steps of every file: it is read, something is made of it, and that is written.

Reading and writing happen in turn, in the main thread, so whatever ends the batch leaves no half-written file. What
takes long lies between, and is done to several files at a time where there are threads for it.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from licrt.runtime.cli.report import show_stage
from licrt.runtime.pipeline import in_order, pixels_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from licrt.runtime.cli.batch import Item
    from licrt.runtime.cli.report import Done, Report
    from licrt.runtime.pipeline import Check
    from licrt.runtime.timing import OnStage

Read = TypeVar("Read")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Steps(Generic[Read, Made]):
    """What is done to files.

    Attributes:
        read: returns what a file holds.
        pixels: tells how many pixels that has, as far as it is known.
        make: returns what is to be written. It is told whether other files are worked on at the same time, and what is
            to be called with the name and seconds of each stage.
        write: writes that, and returns what became of the file.
        workers: how many files something is made of at a time.
        around: a context for the time in which there are several.
    """

    read: Callable[[Item], Read]
    pixels: Callable[[Read], int]
    make: Callable[[Read, bool, OnStage], Made]
    write: Callable[[Item, Made], Done]
    workers: int = 1
    around: Callable[[], AbstractContextManager[object]] = nullcontext


@dataclass(eq=False)
class _File(Generic[Read]):
    """A file on its way: `content` gives what was read, or raises what reading it raised."""

    item: Item
    content: Callable[[], Read]
    pixels: int
    seconds: float
    stages: list[tuple[str, float]] = field(default_factory=list)


def take(items: Sequence[Item], steps: Steps[Read, Made], report: Report, *, verbose: bool) -> None:
    """Take every file through the steps, report on each in its turn, and go on after those that fail.

    The times of stages are said at once where files are worked on one after the other, and otherwise in their turn.
    """
    workers = min(steps.workers, len(items))
    most = pixels_for(workers)

    def make(file: _File[Read], check: Check | None) -> Made:
        def on_stage(name: str, seconds: float) -> None:
            if check:
                check()
                file.stages.append((name, seconds))
            elif verbose:
                show_stage(name, seconds)

        begin = time.perf_counter()
        made = steps.make(file.content(), check is not None, on_stage)
        file.seconds += time.perf_counter() - begin
        return made

    files = (_read(item, steps, several=workers > 1) for item in items)
    around = steps.around() if workers > 1 else nullcontext()
    made = in_order(make, files, workers, lambda file: file.pixels > most)
    with around, report.progress(len(items)), closing(made) as results:
        for file, result in results:
            with report.explained(file.item.source):
                try:
                    output = result()
                finally:
                    for name, seconds in file.stages if verbose else ():
                        show_stage(name, seconds)
                begin = time.perf_counter()
                done = steps.write(file.item, output)
                report.done(file.item.source, file.item.target, done, file.seconds + time.perf_counter() - begin)


def _read(item: Item, steps: Steps[Read, Made], *, several: bool) -> _File[Read]:
    begin = time.perf_counter()
    try:
        content = steps.read(item)
        pixels = steps.pixels(content) if several else 0
    except Exception as error:  # for its turn, whatever it is
        return _File(item, partial(_raise, error), 0, time.perf_counter() - begin)
    return _File(item, lambda: content, pixels, time.perf_counter() - begin)


def _raise(error: Exception) -> NoReturn:
    raise error
