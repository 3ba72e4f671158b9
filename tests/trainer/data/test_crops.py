from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from licrt.trainer.data import Crops, PictureFiles, find_pictures, read_rgb

if TYPE_CHECKING:
    from pathlib import Path


def test_crops_are_windows_of_the_pictures(pictures: Path) -> None:
    paths = find_pictures([str(pictures)])
    crops = Crops(PictureFiles(paths), 64, seed=0)
    mirrored = 0
    for number in range(20):
        crop = crops[number, number % 5].crops[0].numpy().transpose(1, 2, 0)
        pixels = read_rgb(paths[number % 5])
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (64, 64, 3))[:, :, 0]
        plain = (windows == crop).all(axis=(2, 3, 4)).any()
        mirror = (windows == crop[:, ::-1]).all(axis=(2, 3, 4)).any()
        assert plain or mirror
        mirrored += bool(mirror)
    assert 4 <= mirrored <= 16


def test_crops_as_large_as_the_picture(pictures: Path) -> None:
    crop = Crops(PictureFiles(find_pictures([str(pictures)])), 80, seed=0, flip=False)[0, 0].crops
    assert crop.shape == (1, 3, 80, 80)
