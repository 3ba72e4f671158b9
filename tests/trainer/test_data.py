from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from licrt.runtime.errors import PictureError
from licrt.trainer.data import Crops, TicketBatches, find_pictures, open_batches, read_rgb

if TYPE_CHECKING:
    from pathlib import Path


def take(count: int, pictures: list[Path], *, start: int = 0, workers: int = 0, seed: int = 1) -> torch.Tensor:
    """Crops of the first batches of two, [count, 2, 3, 32, 32]."""
    batches = open_batches(pictures, side=32, batch_size=2, seed=seed, start=start, workers=workers)
    return torch.stack([batch.crops for batch in itertools.islice(batches, count)])


def test_folders_are_searched_below(pictures: Path) -> None:
    assert [path.name for path in find_pictures([str(pictures)])] == ["0.png", "1.png", "2.png", "3.png", "4.png"]


def test_folders_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(PictureError, match="no pictures in"):
            find_pictures([str(folder)])


def test_crops_are_windows_of_the_pictures(pictures: Path) -> None:
    paths = find_pictures([str(pictures)])
    crops = Crops(paths, 32, seed=0)
    mirrored = 0
    for number in range(20):
        crop = crops[number, number % 5].crops[0].numpy().transpose(1, 2, 0)
        pixels = read_rgb(paths[number % 5])
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (32, 32, 3))[:, :, 0]
        plain = (windows == crop).all(axis=(2, 3, 4)).any()
        mirror = (windows == crop[:, ::-1]).all(axis=(2, 3, 4)).any()
        assert plain or mirror
        mirrored += bool(mirror)
    assert 4 <= mirrored <= 16


def test_every_epoch_visits_every_picture_once() -> None:
    tickets = [ticket for batch in itertools.islice(TicketBatches(7, 3, seed=2, start=0), 14) for ticket in batch]
    assert [number for number, _ in tickets] == list(range(42))
    epochs = [tuple(picture for _, picture in tickets[first : first + 7]) for first in range(0, 42, 7)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len(set(epochs)) > 1


def test_batches_continue_at_any_sample(pictures: Path) -> None:
    paths = find_pictures([str(pictures)])
    whole = take(12, paths)
    for done in (1, 4, 7):
        assert torch.equal(take(12 - done, paths, start=2 * done), whole[done:])
    assert not torch.equal(take(12, paths, seed=2), whole)


def test_batches_do_not_depend_on_workers_nor_touch_the_generator(pictures: Path) -> None:
    paths = find_pictures([str(pictures)])
    before = torch.get_rng_state()
    assert torch.equal(take(5, paths, workers=2), take(5, paths))
    assert torch.equal(torch.get_rng_state(), before)


def test_unusable_pictures_give_way_and_are_told(pictures: Path, tmp_path: Path) -> None:
    for path in pictures.glob("*.png"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "00-cut.png").write_bytes((pictures / "0.png").read_bytes()[:300])
    (tmp_path / "01-text.png").write_text("not a picture")
    Image.new("RGB", (31, 90)).save(tmp_path / "02-small.png")
    paths = find_pictures([str(tmp_path)])
    unusable: dict[Path, str] = {}
    for batch in itertools.islice(open_batches(paths, side=32, batch_size=2, seed=0), 6):
        assert batch.crops.shape == (2, 3, 32, 32)
        unusable |= batch.unusable
    assert {path.name for path in unusable} == {"00-cut.png", "01-text.png", "02-small.png"}
    assert "cannot read" in unusable[tmp_path / "00-cut.png"]
    assert "has 31x90 pixels, crops have 32" in unusable[tmp_path / "02-small.png"]


def test_no_usable_picture_leaves_the_batch_empty(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("not a picture")
    batch = next(open_batches(find_pictures([str(tmp_path)]), side=32, batch_size=2, seed=0))
    assert len(batch.crops) == 0
    assert len(batch.unusable) == 1
