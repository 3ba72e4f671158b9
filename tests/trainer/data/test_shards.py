from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from licrt.runtime.errors import PictureError
from licrt.trainer.data import find_pictures, open_batches, open_pictures, read_rgb
from licrt.trainer.data.shards import Shards

if TYPE_CHECKING:
    from pathlib import Path


def pack(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_members_are_the_pictures(pictures: Path, tmp_path: Path) -> None:
    files = find_pictures([str(pictures)])
    first, second, third = (path.read_bytes() for path in files[:3])
    long = "a" * 150
    pack(tmp_path / "0.tar", {"a.png": first, "a.json": b"{}", "a.mask.png": second, f"{long}.png": second})
    pack(tmp_path / "1.tar", {"v1.0/a.PNG": third, "README": b"text"})
    shards = open_pictures([str(tmp_path)])
    names = [shards.name(number) for number in range(len(shards))]
    assert names == [tmp_path / "0.tar" / "a.png", tmp_path / "0.tar" / f"{long}.png", tmp_path / "1.tar/v1.0/a.PNG"]
    for number in range(3):
        assert np.array_equal(shards.read(number), read_rgb(files[number]))


def test_damaged_members_are_told(pictures: Path, tmp_path: Path) -> None:
    data = (pictures / "0.png").read_bytes()
    pack(tmp_path / "0.tar", {"a.png": data, "b.png": data[:200], "c.jpg": b"text", "d.webp": b""})
    batch = next(open_batches(open_pictures([str(tmp_path / "0.tar")]), side=32, batch_size=8, seed=0))
    assert len(batch.crops) == 8
    assert {str(path.relative_to(tmp_path)) for path in batch.unusable} == {
        "0.tar/b.png",
        "0.tar/c.jpg",
        "0.tar/d.webp",
    }


def test_shards_that_cannot_be_used(pictures: Path, tmp_path: Path) -> None:
    data = (pictures / "0.png").read_bytes()
    path = pack(tmp_path / "0.tar", {"a.png": data, "b.png": data})
    whole = path.read_bytes()
    second = whole.index(b"b.png")
    for content in (
        whole[: second + 600],  # in a member
        whole[: second + 100],  # in a header
        whole[: second + 10] + b"\xff" * 9 + whole[second + 19 :],  # a header that is none
        b"",
        b"text",
    ):
        path.write_bytes(content)
        with pytest.raises(PictureError, match=r"^cannot read shard [^\n]*Expected a whole tar file, not compressed$"):
            Shards([path])
    with pytest.raises(PictureError, match=r"cannot read shard .*No such file"):
        Shards([tmp_path / "1.tar"])
    with pytest.raises(PictureError, match="no pictures in"):
        Shards([pack(tmp_path / "2.tar", {"a.json": b"{}"})])
