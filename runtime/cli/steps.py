"""The three steps of every file: it is read, something is made of it, and that is written.

Reading and writing happen in turn, in the main thread, so whatever ends the batch leaves no half-written file. What
takes long lies between, and is done to several files at a time where there are threads for it.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

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
    """A file on its way: `content` is the one thing that was read, until it is worked on; or `error` says why not."""

    item: Item
    content: list[Read] = field(default_factory=list)
    pixels: int = 0
    error: Exception | None = None
    seconds: float = 0.0
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

        if file.error:
            raise file.error
        begin = time.perf_counter()
        made = steps.make(file.content.pop(), check is not None, on_stage)
        file.seconds += time.perf_counter() - begin
        return made

    def write(file: _File[Read], result: Callable[[], Made]) -> None:
        with report.explained(file.item.source):
            try:
                made = result()
            finally:
                for name, seconds in file.stages if verbose else ():
                    show_stage(name, seconds)
            begin = time.perf_counter()
            done = steps.write(file.item, made)
            report.done(file.item.source, file.item.target, done, file.seconds + time.perf_counter() - begin)

    files = (_read(item, steps, several=workers > 1) for item in items)
    around = steps.around() if workers > 1 else nullcontext()
    made = in_order(make, files, workers, lambda file: file.pixels > most)
    with around, report.progress(len(items)), closing(made) as results:
        for file, result in results:
            write(file, result)
            del result  # which may hold what was made, while the next is worked on


def _read(item: Item, steps: Steps[Read, Made], *, several: bool) -> _File[Read]:
    begin = time.perf_counter()
    file: _File[Read] = _File(item)
    try:
        file.content.append(steps.read(item))
        file.pixels = steps.pixels(file.content[0]) if several else 0
    except Exception as error:  # for its turn, whatever it is
        file.error = error
    file.seconds = time.perf_counter() - begin
    return file
