from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from licrt.trainer.data import PictureFiles, find_pictures, open_batches, read_rgb
from licrt.trainer.data.cache import Cached

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIZE = 96 * 80 * 3


class Logged(PictureFiles):
    """Notes what is read, and by which process, in a file."""

    def __init__(self, paths: list[Path], log: Path) -> None:
        super().__init__(paths)
        self._log = log
        log.touch()

    def read(self, number: int) -> NDArray[np.uint8]:
        with self._log.open("a") as file:
            file.write(f"{number}\n")
        return super().read(number)

    @property
    def reads(self) -> list[int]:
        return [int(line) for line in self._log.read_text().split()]


@pytest.fixture
def logged(pictures: Path, tmp_path: Path) -> Logged:
    return Logged(find_pictures([str(pictures)]), tmp_path / "log")


def test_what_fits_is_read_once(logged: Logged) -> None:
    cached = Cached(logged, 3 * SIZE + 1)
    for number in [*range(5)] * 3:
        assert np.array_equal(cached.read(number), read_rgb(logged.name(number)))
    assert sorted(logged.reads) == [0, 1, 2, 3, 3, 3, 4, 4, 4]
    assert (len(cached), cached.name(2)) == (5, logged.name(2))


def test_sequences_keep_their_frames(pictures: Path) -> None:
    class Sequences(PictureFiles):
        def read(self, number: int) -> NDArray[np.uint8]:
            return np.stack([super().read(number)] * 2)

    cached = Cached(Sequences(find_pictures([str(pictures)])), 8 * SIZE)
    first = cached.read(1)
    assert cached.read(1).shape == first.shape == (2, 96, 80, 3)
    assert np.array_equal(cached.read(1), first)


def test_workers_share_it(logged: Logged) -> None:
    batches = open_batches(logged, side=32, batch_size=4, seed=0, workers=2, cache_bytes=5 * SIZE)
    shared = [next(batches).crops for _ in range(20)]
    assert len(logged.reads) <= 2 * 5  # both may decode one at the same time
    alone = open_batches(find_pictures([str(logged.name(0).parent)]), side=32, batch_size=4, seed=0)
    assert all(np.array_equal(next(alone).crops, crops) for crops in shared)


def test_processes_that_are_no_copies_share_it_too(pictures: Path, tmp_path: Path) -> None:
    path = tmp_path / "0.png"
    path.write_bytes((pictures / "0.png").read_bytes())
    cached = Cached(PictureFiles([path]), SIZE)
    process = multiprocessing.get_context("forkserver").Process(target=cached.read, args=(0,))
    process.start()
    process.join()
    assert process.exitcode == 0
    expected = read_rgb(path)
    path.unlink()  # here it was not read
    assert np.array_equal(cached.read(0), expected)
