from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from licrt.runtime.errors import PictureError
from licrt.trainer.data import find_pictures, read_rgb

if TYPE_CHECKING:
    from pathlib import Path


def test_folders_are_searched_below(pictures: Path) -> None:
    assert [path.name for path in find_pictures([str(pictures)])] == ["0.png", "1.png", "2.png", "3.png", "4.png"]


def test_folders_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(PictureError, match="no pictures in"):
            find_pictures([str(folder)])


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "CMYK"])
def test_any_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    Image.new("RGB", (3, 2), (255, 255, 255)).convert(mode).save(tmp_path / "a.tif")
    pixels = read_rgb(tmp_path / "a.tif")
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert pixels.tolist() == [[[255, 255, 255]] * 3] * 2
