from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from licrt.runtime.errors import PictureError
from licrt.trainer.data import open_batches, open_pictures
from licrt.trainer.data.build_memmap import build_memmap

if TYPE_CHECKING:
    from pathlib import Path

    from licrt.trainer.data import Batch, Pictures

SETTINGS = {"side": 32, "crops": 40, "seed": 3, "crops_per_picture": 2}


@pytest.fixture
def source(pictures: Path) -> Pictures:
    return open_pictures([str(pictures)])


def test_the_crops_are_those_of_a_run(source: Pictures, tmp_path: Path) -> None:
    build_memmap(source, tmp_path / "a.npy", workers=2, **SETTINGS)
    array = np.load(tmp_path / "a.npy")
    assert array.dtype == np.uint8
    assert array.shape == (40, 32, 32, 3)
    batches = open_batches(source, side=32, batch_size=10, seed=3, crops_per_picture=2, flip=False)
    expected = np.concatenate([batch.crops.numpy() for batch in itertools.islice(batches, 4)])
    assert np.array_equal(array.transpose(0, 3, 1, 2), expected)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


@pytest.mark.parametrize("cut", [0, 1, 500])
def test_goes_on_where_it_was_stopped(source: Pictures, tmp_path: Path, cut: int) -> None:
    build_memmap(source, tmp_path / "whole.npy", **SETTINGS)
    counts = []

    def stop(rows: int, _batch: Batch) -> None:
        counts.append(rows)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_memmap(source, tmp_path / "a.npy", done=stop, **SETTINGS)
    assert not (tmp_path / "a.npy").exists()
    (part,) = tmp_path.glob(".a.npy.*.part")
    part.write_bytes(part.read_bytes()[: -cut or None])  # as a kill may leave it
    build_memmap(source, tmp_path / "a.npy", done=lambda rows, _: counts.append(rows), **SETTINGS)
    assert counts == [16, 32, 40] if not cut else [16, 31, 40]
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_a_part_without_its_header_begins_anew(source: Pictures, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="it needs"):
        build_memmap(source, tmp_path / "a.npy", **SETTINGS | {"crops": 1 << 40})
    (part,) = tmp_path.glob(".a.npy.*.part")
    header = part.read_bytes()
    part.write_bytes(header[:7])
    with pytest.raises(PictureError, match="MiB more, the disk has"):
        build_memmap(source, tmp_path / "a.npy", **SETTINGS | {"crops": 1 << 40})
    assert part.read_bytes() == header


def test_other_settings_do_not_go_on(source: Pictures, tmp_path: Path) -> None:
    def stop(_rows: int, _batch: Batch) -> None:
        raise KeyboardInterrupt

    for change in ({}, {"seed": 4}, {"side": 16}, {"crops": 41}, {"crops_per_picture": 1}):
        with pytest.raises(KeyboardInterrupt):
            build_memmap(source, tmp_path / "a.npy", done=stop, **SETTINGS | change)
    assert len([*tmp_path.glob(".a.npy.*.part")]) == 5


def test_two_at_a_time(source: Pictures, tmp_path: Path) -> None:
    def again(_rows: int, _batch: Batch) -> None:
        with pytest.raises(PictureError, match="another process is writing"):
            build_memmap(source, tmp_path / "a.npy", **SETTINGS)

    build_memmap(source, tmp_path / "a.npy", done=again, **SETTINGS)


def test_existing_files_are_kept(source: Pictures, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_text("mine")
    with pytest.raises(PictureError, match="it exists"):
        build_memmap(source, tmp_path / "a.npy", **SETTINGS)
    build_memmap(source, tmp_path / "a.npy", force=True, **SETTINGS)
    assert len(np.load(tmp_path / "a.npy")) == 40
    with pytest.raises(PictureError, match=r"cannot write .*nowhere/a\.npy: No such file"):
        build_memmap(source, tmp_path / "nowhere" / "a.npy", **SETTINGS)
