"""Decoded pictures kept in memory, once for all processes that read ahead."""

from __future__ import annotations

import fcntl
import mmap
import os
from contextlib import contextmanager
from multiprocessing.reduction import DupFd
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from licrt.trainer.data.pictures import Pictures

_ABSENT, _COMING, _PRESENT = 0, 1, 2
_DIMENSIONS = 4  # at most: frames, height, width, colours


class Cached:
    """Pictures, as many of which as a number of bytes can hold are decoded once.

    What is in stays in. An epoch visits every picture once, so the least recently used one is the next to be needed,
    and throwing it out would leave nothing to find; whereas a part of the pictures that stays is found every time.

    The memory is an anonymous file of Linux (memfd_create(2)), which takes only what is written to it and is gone with
    the last process; /dev/shm may be small in containers.
    """

    def __init__(self, pictures: Pictures, limit: int) -> None:
        self._pictures = pictures
        self._limit = limit
        self._descriptor = os.memfd_create("licrt-pictures")
        os.ftruncate(self._descriptor, self._index_bytes + limit)
        self._map()

    def __len__(self) -> int:
        return len(self._pictures)

    def name(self, number: int) -> Path:
        """What the picture is called where it comes from."""
        return self._pictures.name(number)

    def read(self, number: int) -> NDArray[np.uint8]:
        """Pixels, from memory if they are there; as :meth:`Pictures.read`."""
        with self._locked():
            state, start, *shape = self._index[number].tolist()
        if state == _PRESENT:
            return self._pixels(start, shape)
        pixels = self._pictures.read(number)
        with self._locked():
            start = int(self._used[0])
            fits = self._index[number, 0] == _ABSENT and start + pixels.size <= self._limit
            if fits:
                self._index[number, 0] = _COMING  # another process that reads it meanwhile need not keep it
                self._used[0] += pixels.size
        if fits:
            shape = [0] * (_DIMENSIONS - pixels.ndim) + [*pixels.shape]
            self._pixels(start, shape)[...] = pixels
            with self._locked():
                self._index[number] = (_PRESENT, start, *shape)
        return pixels

    @property
    def _index_bytes(self) -> int:
        return 8 * (1 + len(self._pictures) * (2 + _DIMENSIONS))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time; one that is killed lets go."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def _map(self) -> None:
        memory = mmap.mmap(self._descriptor, 0)
        numbers = np.frombuffer(memory, np.int64, self._index_bytes // 8)
        self._used, self._index = numbers[:1], numbers[1:].reshape(len(self._pictures), -1)
        self._arena = np.frombuffer(memory, np.uint8, offset=self._index_bytes)

    def _pixels(self, start: int, shape: list[int]) -> NDArray[np.uint8]:
        sides = [side for side in shape if side]
        return self._arena[start : start + int(np.prod(sides))].reshape(sides)

    def __getstate__(self) -> dict[str, Any]:
        """What a process needs that does not start as a copy of this one."""
        kept = {key: self.__dict__[key] for key in ("_pictures", "_limit")}
        return kept | {"_descriptor": DupFd(self._descriptor)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state | {"_descriptor": state["_descriptor"].detach()}
        self._map()

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)
