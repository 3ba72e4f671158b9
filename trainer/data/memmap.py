"""Pictures of one size in one array on disk, mapped into memory: nothing to decode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from licrt.runtime.errors import PictureError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

HEADERLESS_SIDE = 256  # of the pictures in CompressAI's PreGeneratedMemmapDataset, unless it is told otherwise
_MAGIC = b"\x93NUMPY"


class Memmap:
    """A file of uint8 pictures, [count, height, width, 3].

    Either a ``.npy`` file as numpy and ``python -m licrt.trainer.data memmap`` write it, or bare bytes as CompressAI's
    PreGeneratedMemmapDataset takes them (it skips no header), of 256x256 pictures.

    Args:
        path: the file.
        side: what the pictures must have at least.

    Raises:
        PictureError: the file cannot be read, or holds something else, or smaller pictures.
    """

    def __init__(self, path: Path, side: int = 1) -> None:
        self._path = path
        try:
            array = _map(path)
        except (OSError, ValueError, EOFError) as error:
            raise PictureError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
        if array.dtype != np.uint8 or array.ndim != 4 or array.shape[-1] != 3 or not array.size:
            found = f"{array.dtype} {list(array.shape)}"
            raise PictureError(f"cannot use {path}: it has {found}, expected uint8 [pictures, height, width, 3]")
        height, width = array.shape[1:3]
        if min(height, width) < side:
            raise PictureError(f"cannot crop {path}: its pictures have {width}x{height} pixels, crops have {side}")
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    def name(self, number: int) -> Path:
        """The file and the number in it."""
        return self._path / str(number)

    def read(self, number: int) -> NDArray[np.uint8]:
        """Pixels, uint8 [height, width, 3], read from disk when they are looked at; as :meth:`Pictures.read`."""
        pixels: NDArray[np.uint8] = self._array[number]
        return pixels

    def __reduce__(self) -> tuple[type[Memmap], tuple[Path]]:
        """Other processes map the file too, instead of getting a copy of all it holds."""
        return Memmap, (self._path,)


def _map(path: Path) -> NDArray[np.uint8]:
    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
    if magic == _MAGIC:
        return np.asarray(np.lib.format.open_memmap(path, mode="r"))  # a plain array: memmap's own indexing is slow
    data = np.memmap(path, np.uint8, mode="r")
    shape = (-1, HEADERLESS_SIDE, HEADERLESS_SIDE, 3)
    if data.size % np.prod(shape[1:]):
        raise ValueError(f"it is no .npy file, and no whole number of {HEADERLESS_SIDE}x{HEADERLESS_SIDE} pictures")
    return np.asarray(data).reshape(shape)
