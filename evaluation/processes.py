"""Tasks on the processes of one machine. Memory is that of the processes: few tasks wait, and each is a few paths."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from licrt.evaluation.worker import Worker
from licrt.runtime.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from licrt.evaluation.worker import Outcome, Task

_WAITING_PER_PROCESS = 2  # one at work, one at hand


def run(tasks: Iterable[Task], device: str, threads: int, processes: int) -> Iterator[Outcome]:
    """Yield what becomes of every task, as it is done.

    Args:
        tasks: best with those of one model after another: a process keeps one codec.
        device: as `Codec.load` takes it.
        threads: of each process.
        processes: how many; with one, the work is done in this process.

    Raises:
        PictureError: a process died, mostly of too little memory.
    """
    if processes == 1:
        yield from map(Worker(device, threads), tasks)
        return
    context = multiprocessing.get_context("spawn")  # engines have threads, which do not survive a fork
    executor = ProcessPoolExecutor(processes, context, initializer=_start)
    try:
        with _ignored_by_children():
            executor.submit(int)  # starts them all
        yield from _feed(executor, ((task, device, threads) for task in tasks), _WAITING_PER_PROCESS * processes)
    except BaseException:  # an interrupt too: nobody waits for what is at work
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _feed(executor: ProcessPoolExecutor, calls: Iterator[tuple[Task, str, int]], most: int) -> Iterator[Outcome]:
    pending: dict[Future[Outcome], Task] = {}
    while True:
        pending |= {executor.submit(_work, *call): call[0] for call in islice(calls, most - len(pending))}
        if not pending:
            return
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            task = pending.pop(future)
            try:
                yield future.result()
            except BrokenProcessPool as error:
                raise PictureError(
                    f"a process died, perhaps for lack of memory, at {task.file} or one of the next few. "
                    "Start again to go on from here, with fewer processes (-j)"
                ) from error


@contextmanager
def _ignored_by_children() -> Iterator[None]:
    """Let processes ignore Ctrl-C from their first moment on: it goes to all of them, and their parent sees to that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start() -> None:
    """Prepare a process of the pool."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    atexit.register(_worker.cache_clear)  # while what the codec is made of is still there


def _leave_with_parent() -> None:
    """End when the parent has: one that was killed cannot say so, and this would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(task: Task, device: str, threads: int) -> Outcome:
    return _worker(device, threads)(task)


@cache
def _worker(device: str, threads: int) -> Worker:
    """Return the worker of this process, which keeps its codec from one task to the next."""
    return Worker(device, threads)
