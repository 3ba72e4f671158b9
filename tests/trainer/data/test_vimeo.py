from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image

from licrt.runtime.errors import PictureError
from licrt.trainer.data import VimeoSequences, open_batches, open_pictures
from licrt.trainer.data.vimeo import read_list, vimeo_frames

if TYPE_CHECKING:
    from pathlib import Path


def test_frames_of_the_training_list_are_pictures(places: dict[str, Path]) -> None:
    folder = places["vimeo"]
    found = open_pictures([str(folder)])
    names = [str(found.name(number).relative_to(folder / "sequences")) for number in range(len(found))]
    sequences = ("00001/0002", "00001/0003", "00002/0001", "00002/0002")
    assert names == [f"{sequence}/im{frame}.png" for sequence in sequences for frame in (1, 2, 3)]
    assert len(open_pictures([str(folder / "tri_testlist.txt")])) == 3


def test_septuplets_have_seven(places: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(places["vimeo"], tmp_path, dirs_exist_ok=True)
    (tmp_path / "tri_trainlist.txt").rename(tmp_path / "sep_trainlist.txt")
    assert [len(sequence) for sequence in read_list(tmp_path / "sep_trainlist.txt")] == [7] * 4


def test_frames_that_cannot_be_read_are_told(places: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(places["vimeo"], tmp_path, dirs_exist_ok=True)
    missing, cut = (tmp_path / "sequences" / "00001" / "0002" / f"im{frame}.png" for frame in (1, 2))
    missing.unlink()
    cut.write_bytes(cut.read_bytes()[:200])
    batch = next(open_batches(open_pictures([str(tmp_path)]), side=32, batch_size=12, seed=0))
    assert batch.unusable.keys() == {missing, cut}
    assert len(batch.crops) == 12


def test_sequences_have_one_window_and_direction(places: dict[str, Path]) -> None:
    sequences = VimeoSequences(places["vimeo"] / "tri_trainlist.txt")
    folder = sequences.name(0)
    shutil.copytree(folder, folder.with_name("0009"), dirs_exist_ok=True)
    still = places["vimeo"] / "still"
    (still / "sequences" / "1").mkdir(parents=True)
    for frame in (1, 2, 3):
        shutil.copy(folder / "im1.png", still / "sequences" / "1" / f"im{frame}.png")
    (still / "tri_trainlist.txt").write_text("1\n")
    for batch, _ in zip(
        open_batches(VimeoSequences(still / "tri_trainlist.txt"), side=32, batch_size=2, seed=0), range(4), strict=False
    ):
        assert batch.crops.shape == (2, 3, 3, 32, 32)
        assert torch.equal(batch.crops[:, 0], batch.crops[:, 1])
        assert torch.equal(batch.crops[:, 0], batch.crops[:, 2])


def test_sequences_of_frames_that_differ_in_size(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "sequences" / "1").mkdir(parents=True)
    for frame, side in ((1, 40), (2, 40), (3, 41)):
        Image.new("RGB", (side, 40)).save(tmp_path / "sequences" / "1" / f"im{frame}.png")
    (tmp_path / "tri_trainlist.txt").write_text("1\n")
    with pytest.raises(PictureError, match="its frames differ in size"):
        VimeoSequences(tmp_path / "tri_trainlist.txt").read(0)


def test_lists_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"is no list of Vimeo-90k; expected one of tri_trainlist\.txt, "):
        vimeo_frames(tmp_path / "train.list")
    with pytest.raises(PictureError, match=r"cannot read .*tri_trainlist\.txt: No such file"):
        vimeo_frames(tmp_path / "tri_trainlist.txt")
    (tmp_path / "tri_trainlist.txt").write_text("00001/0001\n")
    with pytest.raises(PictureError, match=r"there is no folder .*sequences"):
        vimeo_frames(tmp_path / "tri_trainlist.txt")
    (tmp_path / "sep_trainlist.txt").write_text("\n")
    with pytest.raises(PictureError, match="it is empty"):
        vimeo_frames(tmp_path / "sep_trainlist.txt")
    with pytest.raises(PictureError, match="name one of them instead of the folder"):
        open_pictures([str(tmp_path)])
