from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from licrt.runtime.errors import PictureError
from licrt.trainer.data import find_files, find_pictures, open_pictures

if TYPE_CHECKING:
    from pathlib import Path


def test_places_of_several_kinds_follow_one_another(places: dict[str, Path]) -> None:
    parts = [open_pictures([str(place)]) for place in places.values()]
    joined = open_pictures([str(place) for place in places.values()])
    assert [len(part) for part in parts] == [5, 12, 7, 5]
    assert len(joined) == 29
    expected = [(part, number) for part in parts for number in range(len(part))]
    for number, (part, inside) in enumerate(expected):
        assert joined.name(number) == part.name(inside)
        assert np.array_equal(joined.read(number), part.read(inside))


def test_shards_and_pictures_in_one_folder(places: dict[str, Path], pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(places["shards"], tmp_path, dirs_exist_ok=True)
    shutil.copy(pictures / "0.png", tmp_path)
    with pytest.raises(PictureError, match=r"holds shards and pictures, 0\.png among them: move them apart"):
        open_pictures([str(tmp_path)])


def test_files_are_of_folders_and_lists(places: dict[str, Path]) -> None:
    files = find_files([str(places["files"]), str(places["vimeo"])])
    assert files[:5] == find_pictures([str(places["files"])])
    assert len(files) == 17
    for kind in ("memmap", "shards"):
        for place in (places[kind], next(places[kind].iterdir())):
            with pytest.raises(PictureError, match="holds no picture files"):
                find_files([str(place)])


def test_nothing_there(tmp_path: Path) -> None:
    for name, reason in (("a", "no pictures in"), ("a.npy", "cannot read"), ("a.tar", "cannot read shard")):
        with pytest.raises(PictureError, match=reason):
            open_pictures([str(tmp_path / name)])
