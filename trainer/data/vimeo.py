"""Vimeo-90k (Xue et al., Video Enhancement with Task-Oriented Flow, IJCV 2019, arXiv:1711.09078), as it is distributed.

A folder has ``sequences/00001/0001/im1.png`` and so on, 3 frames each in the triplets and 7 in the septuplets, all
448x256 pixels, and lists of the sequences: ``tri_trainlist.txt`` or ``sep_trainlist.txt``, and the same for testing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from licrt.runtime.errors import PictureError
from licrt.trainer.data.pictures import read_rgb

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FRAMES = {"tri": 3, "sep": 7}
TRAIN_LISTS = tuple(f"{kind}_trainlist.txt" for kind in FRAMES)
LISTS = (*TRAIN_LISTS, *(f"{kind}_testlist.txt" for kind in FRAMES))


class VimeoSequences:
    """The sequences of a list, all frames of one as one picture: crops have one place and direction in all of them."""

    def __init__(self, path: Path) -> None:
        self._sequences = read_list(path)

    def __len__(self) -> int:
        return len(self._sequences)

    def name(self, number: int) -> Path:
        """The folder of the sequence."""
        return self._sequences[number][0].parent

    def read(self, number: int) -> NDArray[np.uint8]:
        """Pixels, uint8 [frames, height, width, 3]; as :meth:`Pictures.read`."""
        frames = [read_rgb(path) for path in self._sequences[number]]
        if any(frame.shape != frames[0].shape for frame in frames):
            raise PictureError(f"cannot use {self.name(number)}: its frames differ in size")
        return np.stack(frames)


def vimeo_frames(path: Path) -> list[Path]:
    """All frames of the sequences of a list, in its order: pictures for training image models.

    Raises:
        PictureError: the list is missing, empty, or not of the dataset.
    """
    return [frame for sequence in read_list(path) for frame in sequence]


def read_list(path: Path) -> list[list[Path]]:
    """Read the frames of each sequence of a list.

    Args:
        path: of the list, which has the name that the dataset gives it.

    Raises:
        PictureError: the list is missing, empty, or not of the dataset.
    """
    if path.name not in LISTS:
        raise PictureError(f"{path} is no list of Vimeo-90k; expected one of {', '.join(LISTS)}")
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split()
    except OSError as error:
        raise PictureError(f"cannot read {path}: {error.strerror}") from error
    folder = path.parent / "sequences"
    if not lines or not folder.is_dir():
        lacks = f"there is no folder {folder}" if lines else "it is empty"
        raise PictureError(f"cannot use {path}: {lacks}. Unpack Vimeo-90k as it is distributed")
    count = FRAMES[path.name[:3]]
    return [[folder / line / f"im{number}.png" for number in range(1, count + 1)] for line in lines]
