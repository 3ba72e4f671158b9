"""Several pictures at a time: order, bounds, errors, and that nothing goes on when nobody waits."""

from __future__ import annotations

import gc
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest
from references.bundles import SINGLE_RATE
from references.tiny_photo import photo

from licrt.runtime import Codec, pipeline
from licrt.runtime.backends.onnxruntime_cpu import OnnxRuntimeCpu
from licrt.runtime.bundle import load_bundle
from licrt.runtime.errors import FormatError, PictureError
from licrt.runtime.memory import Room
from licrt.runtime.models import find
from licrt.runtime.pipeline import in_order, pixels_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZES = [(40, 56), (17, 90), (64, 64), (1, 1), (90, 33), (48, 48), (30, 70)]


def never(_: object) -> bool:
    return False


def workers_alive() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("licrt")]


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    yield
    assert not workers_alive()


def test_results_come_in_order_whenever_they_are_done() -> None:
    def work(number: int, _: object) -> int:
        time.sleep(0.02 * (number % 3 == 0))
        return number * number

    results = [(item, result()) for item, result in in_order(work, range(20), 3, never)]
    assert results == [(number, number * number) for number in range(20)]


def test_as_many_are_at_work_as_there_are_workers_and_no_more() -> None:
    together, at_work, most = threading.Barrier(3, timeout=30), set(), []

    def work(number: int, _: object) -> None:
        at_work.add(number)
        most.append(len(at_work))
        together.wait()  # broken, if three never meet
        at_work.remove(number)

    for _, result in in_order(work, range(9), 3, never):
        result()
    assert max(most) == 3


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_items_are_taken_a_few_ahead_however_many_there_are(workers: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    for given, (item, result) in enumerate(in_order(lambda item, _: item, items(), workers, never)):
        assert result() == item == given
        assert taken - given <= 2 * workers


def test_a_failure_belongs_to_its_item() -> None:
    def work(number: int, _: object) -> int:
        if number % 2:
            raise FormatError(f"number {number}")
        return number

    for item, result in in_order(work, range(7), 2, never):
        if item % 2:
            with pytest.raises(FormatError, match=f"^number {item}$"):
                result()
        else:
            assert result() == item


def test_what_is_to_be_alone_is_alone_and_in_the_callers_thread() -> None:
    at_work, lock = set(), threading.Lock()

    def work(number: int, check: Callable[[], None] | None) -> threading.Thread:
        with lock:
            at_work.add(number)
        time.sleep(0.005)
        if number in (3, 4, 9):
            assert check is None
            assert at_work == {number}
        else:
            assert check is not None
            assert not at_work & {3, 4, 9}
        with lock:
            at_work.remove(number)
        return threading.current_thread()

    threads = [result() for _, result in in_order(work, range(12), 2, lambda number: number in (3, 4, 9))]
    assert [number for number, thread in enumerate(threads) if thread is threading.current_thread()] == [3, 4, 9]


def test_one_worker_is_the_caller_itself_and_works_when_asked() -> None:
    done = []
    results = in_order(lambda number, check: done.append((number, check, threading.current_thread())), "ab", 1, never)
    _, result = next(results)
    assert done == []
    result()
    next(results)
    assert done == [("a", None, threading.current_thread())]


@pytest.mark.parametrize("end", ["close", "forget", "interrupt"])
def test_whoever_stops_asking_stops_the_work(end: str) -> None:
    """What has not begun never does, what is going on ends at its next check, and the threads are gone."""
    started, ended = [], []

    def work(number: int, check: Callable[[], None]) -> int:
        started.append(number)
        for _ in range(5000 if number else 0):
            time.sleep(0.001)
            try:
                check()
            except Exception:
                ended.append(number)
                raise
        return number

    def ask() -> None:
        with closing(in_order(work, range(100), 2, never)) as results:
            next(results)
            if end == "interrupt":
                raise KeyboardInterrupt

    if end == "forget":
        results = in_order(work, range(100), 2, never)
        next(results)
        del results
        gc.collect()
    elif end == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            ask()
    else:
        ask()
    assert not workers_alive()
    assert len(started) <= 5
    assert ended == sorted(started)[1:]


def test_an_interrupt_in_the_work_is_one() -> None:
    def work(number: int, _: object) -> int:
        if number == 1:
            raise KeyboardInterrupt
        return number

    results = in_order(work, range(5), 2, never)
    assert next(results)[1]() == 0
    _, result = next(results)
    with pytest.raises(KeyboardInterrupt):
        result()
    results.close()


def test_an_error_of_the_items_ends_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("no more")

    results = in_order(lambda item, _: item, items(), 2, never)
    with pytest.raises(OSError, match="no more"):
        list(results)


def test_little_memory_lets_pictures_be_large_earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    for size, workers, most in ((1e12, 2, 1 << 23), (1e12, 8, 1 << 21), (1 << 30, 2, 1 << 19), (0, 2, 0), (-1e9, 2, 0)):
        monkeypatch.setattr(pipeline, "available", lambda size=size: Room(size, "this machine"))
        assert pixels_for(workers) == most


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec.load("default", "cpu", 3)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [photo(*size, number) for number, size in enumerate(SIZES)]


@pytest.mark.parametrize("model", ["default", SINGLE_RATE])
@pytest.mark.parametrize("most", [1 << 24, 3 * 3000, 0])
def test_streams_latents_and_pixels_are_those_of_one_at_a_time(
    model: str, most: int, pictures: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all go together, where some are too large for that, and where all are."""
    monkeypatch.setattr(pipeline, "MOST_PIXELS", most)
    alone, codec = Codec.load(model, "cpu", 1), Codec.load(model, "cpu", 3)
    expected = [alone.encode(picture) for picture in pictures]
    streams = list(codec.encode_many(iter(pictures)))
    assert streams == expected
    for stream, rgb in zip(streams, codec.decode_many(iter(streams)), strict=True):
        assert np.array_equal(rgb, alone.decode(stream))
        assert np.array_equal(codec.shared_by(3).decode_latents(stream), alone.decode_latents(stream))


def test_rates_are_for_every_picture(codec: Codec, pictures: list[np.ndarray]) -> None:
    for rate in ({"quality": 80}, {"target_bpp": 2.0}, {"target_size": 900}):
        assert list(codec.encode_many(pictures, **rate)) == [codec.encode(picture, **rate) for picture in pictures]


def test_errors_come_in_their_turn(codec: Codec, pictures: list[np.ndarray]) -> None:
    streams = [codec.encode(picture) for picture in pictures]
    for wrong, error in ((streams[2][:-1], FormatError), (b"no stream", FormatError), (b"", FormatError)):
        results = codec.decode_many([*streams[:2], wrong, *streams[3:]])
        assert [len(next(results)) for _ in range(2)] == [40, 17]
        with pytest.raises(error):
            next(results)
        assert not workers_alive()
        with pytest.raises(StopIteration):
            next(results)
    for wrong in (np.zeros((3, 3), np.uint8), np.zeros((3, 3, 3)), np.zeros((0, 3, 3), np.uint8), np.uint8(1)):
        results = codec.encode_many([pictures[0], wrong, pictures[2]])
        assert next(results) == streams[0]
        with pytest.raises(PictureError, match="expected a uint8 array"):
            next(results)
    results = codec.decode_many(streams, max_pixels=3000)
    assert [len(next(results)) for _ in range(2)] == [40, 17]
    with pytest.raises(PictureError, match="over the limit"):
        next(results)


def test_nothing_begins_before_it_is_asked_for(codec: Codec) -> None:
    def items() -> Iterator[np.ndarray]:
        pytest.fail("asked")
        yield

    codec.encode_many(items())


def test_sessions_that_do_not_run_on_cpus_are_loaded_once(pictures: list[np.ndarray]) -> None:
    loaded = []

    class Elsewhere(OnnxRuntimeCpu):
        def load(self, graph: bytes, name: str, shapes: object = None, *, exact: bool = False) -> object:
            loaded.append(name)
            return super().load(graph, name)

        def shared_by(self, callers: int) -> Elsewhere:
            return self

    codec = Codec(load_bundle(find("default")), Elsewhere(2), 2)
    assert list(codec.encode_many(pictures)) == [codec.encode(picture) for picture in pictures]
    assert sorted(loaded) == ["licrt2026-mse/analysis", "licrt2026-mse/hyper_analysis"]


def test_threads_are_divided() -> None:
    codec = Codec.load("default", "cpu", 5)
    for callers, native, networks in ((1, 5, 5), (2, 2, 4), (5, 1, 1), (8, 1, 1)):
        share = codec.shared_by(callers)
        assert (share.threads, share.engine["threads"]) == (native, networks)
        assert share is codec.shared_by(callers)
        assert (share is codec) == (callers == 1)
        assert share.info == codec.info
