"""Which kind of pictures a place holds, by what is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from licrt.runtime.errors import PictureError
from licrt.trainer.data.memmap import Memmap
from licrt.trainer.data.pictures import PictureFiles, find_pictures, is_picture
from licrt.trainer.data.shards import Shards
from licrt.trainer.data.vimeo import LISTS, TRAIN_LISTS, vimeo_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from licrt.trainer.data.pictures import Pictures

MEMMAP_NAME = "training.npy"  # CompressAI's too


class Joined:
    """Pictures of several places, one place after the other."""

    def __init__(self, parts: Sequence[Pictures]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def name(self, number: int) -> Path:
        """What the picture is called where it comes from."""
        part, inside = self._find(number)
        return part.name(inside)

    def read(self, number: int) -> NDArray[np.uint8]:
        """Pixels; as :meth:`Pictures.read`."""
        part, inside = self._find(number)
        return part.read(inside)

    def _find(self, number: int) -> tuple[Pictures, int]:
        part = int(np.searchsorted(self._ends, number, "right"))
        return self._parts[part], number - int(self._ends[part]) + len(self._parts[part])


def open_pictures(places: Iterable[str], *, side: int = 1) -> Pictures:
    """The pictures of some places, each of which may be of any kind.

    - A folder with ``tri_trainlist.txt`` or ``sep_trainlist.txt``, or one of Vimeo-90k's lists: the frames of these
      sequences.
    - A ``.npy`` file, or a folder with ``training.npy``: an array mapped into memory.
    - A ``.tar`` file, or a folder with some: WebDataset shards.
    - Any other folder: the picture files in and below it.

    Args:
        places: files and folders.
        side: of the crops to come. Arrays of smaller pictures are refused; small files are seen when they are read.

    Raises:
        PictureError: there is nothing, or something that cannot be used.
    """
    parts = [_open(Path(place), side) for place in places]
    return parts[0] if len(parts) == 1 else Joined(parts)


def find_files(places: Iterable[str]) -> list[Path]:
    """The picture files of some places: folders, and lists of Vimeo-90k.

    Raises:
        PictureError: there are none, or the place has its pictures in one file.
    """
    return [path for place in places for path in _files(Path(place))]


def _open(place: Path, side: int) -> Pictures:
    if place.suffix == ".npy":
        return Memmap(place, side)
    if (place / MEMMAP_NAME).is_file():
        return Memmap(place / MEMMAP_NAME, side)
    if shards := _shards(place):
        return Shards(shards)
    return PictureFiles(_files(place))


def _files(place: Path) -> list[Path]:
    if place.name in LISTS:
        return vimeo_frames(place)
    lists = [place / name for name in TRAIN_LISTS if (place / name).is_file()]
    if len(lists) > 1:
        raise PictureError(f"{place} has {' and '.join(TRAIN_LISTS)}: name one of them instead of the folder")
    if not lists and (place.suffix in {".npy", ".tar"} or (place / MEMMAP_NAME).is_file() or _shards(place)):
        raise PictureError(f"{place} holds no picture files: expected a folder of pictures, or a list of Vimeo-90k")
    return vimeo_frames(lists[0]) if lists else find_pictures([str(place)])


def _shards(place: Path) -> list[Path]:
    if place.suffix == ".tar":
        return [place]
    shards = sorted(place.glob("*.tar"))
    if shards and (picture := next(filter(is_picture, place.iterdir()), None)):
        raise PictureError(f"{place} holds shards and pictures, {picture.name} among them: move them apart")
    return shards
