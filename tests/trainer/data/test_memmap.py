from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from licrt.runtime.errors import PictureError
from licrt.trainer.data import open_pictures
from licrt.trainer.data.memmap import Memmap

if TYPE_CHECKING:
    from pathlib import Path


def test_reads_what_numpy_writes(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), np.uint8)
    np.save(tmp_path / "crops.npy", array)
    pictures = Memmap(tmp_path / "crops.npy")
    assert [np.array_equal(pictures.read(number), array[number]) for number in range(len(pictures))] == [True] * 3
    assert pictures.name(2) == tmp_path / "crops.npy" / "2"


def test_reads_what_compressai_takes(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), np.uint8)
    array.tofile(tmp_path / "training.npy")
    pictures = open_pictures([str(tmp_path)])
    assert len(pictures) == 2
    assert np.array_equal(pictures.read(1), array[1])


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "training.npy"
    with pytest.raises(PictureError, match=r"cannot read .*No such file"):
        Memmap(path)
    for array in (np.zeros((2, 8, 8, 3)), np.zeros((2, 8, 8), np.uint8), np.zeros((0, 8, 8, 3), np.uint8)):
        np.save(path, array)
        with pytest.raises(PictureError, match=r"expected uint8 \[pictures, height, width, 3\]$"):
            Memmap(path)
    np.save(path, np.zeros((2, 8, 9, 3), np.uint8))
    with pytest.raises(PictureError, match="its pictures have 9x8 pixels, crops have 9"):
        open_pictures([str(path)], side=9)
    whole = path.read_bytes()
    for content in (whole[:-1], whole[:50], b"", b"text"):
        path.write_bytes(content)
        with pytest.raises(PictureError, match=r"^cannot read [^\n]*$"):
            Memmap(path)
