"""Pictures by their numbers: what the crops are cut from, and the plainest kind, files in folders."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

from licrt.runtime.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})


class Pictures(Protocol):
    """Pictures that can be read in any order, so that a run resumes wherever it stopped.

    They are handed to the processes that read ahead, so they hold no open files.
    """

    def __len__(self) -> int:
        """How many there are, at least one."""
        ...

    def name(self, number: int) -> Path:
        """What to call a picture when it cannot be used."""
        ...

    def read(self, number: int) -> NDArray[np.uint8]:
        """Pixels, uint8 [height, width, 3], or [frames, height, width, 3] of a sequence; for reading only.

        Raises:
            PictureError: it cannot be read.
        """
        ...


class PictureFiles:
    """Picture files, one picture each."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def name(self, number: int) -> Path:
        """The file."""
        return self._paths[number]

    def read(self, number: int) -> NDArray[np.uint8]:
        """Pixels, uint8 [height, width, 3]; as :meth:`Pictures.read`."""
        return read_rgb(self._paths[number])


def find_pictures(folders: Iterable[str]) -> list[Path]:
    """All picture files in and below the folders, in the order of their names.

    Raises:
        PictureError: a folder is missing or has no picture.
    """
    found = []
    for folder in folders:
        pictures = sorted(path for path in Path(folder).rglob("*") if is_picture(path))
        if not pictures:
            raise PictureError(f"no pictures in {folder}: expected a folder with files {', '.join(sorted(SUFFIXES))}")
        found += pictures
    return found


def is_picture(path: Path) -> bool:
    """Whether a file is a picture, by its name.

    >>> is_picture(Path("holidays/beach.JPG")), is_picture(Path("notes.txt"))
    (True, False)
    """
    return path.suffix.lower() in SUFFIXES


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Pixels of a picture, uint8 [height, width, 3].

    Raises:
        PictureError: it cannot be read.
    """
    return decode_rgb(path, path)


def decode_rgb(file: Path | IO[bytes], name: Path) -> NDArray[np.uint8]:
    """Pixels of a picture in a file that may be open already, uint8 [height, width, 3].

    Args:
        file: where it is.
        name: what to call it.

    Raises:
        PictureError: it cannot be read.
    """
    try:
        with Image.open(file) as image:
            return np.array(image if image.mode == "RGB" else image.convert("RGB"))
    except Exception as error:  # decoders of broken files raise almost anything
        raise PictureError(f"cannot read {name}: {error}") from error
