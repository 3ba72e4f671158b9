from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from licrt.runtime.errors import PictureError
from licrt.trainer.data import find_pictures, open_pictures, read_rgb
from licrt.trainer.data.build_shards import build_shards

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(pictures: Path) -> list[Path]:
    return find_pictures([str(pictures)])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_shards_hold_the_bytes_of_the_files(files: list[Path], tmp_path: Path) -> None:
    counts: list[int] = []
    build_shards(files, tmp_path / "a", per_shard=2, done=counts.append)
    assert counts == [2, 4, 5]
    members = {}
    for number in range(3):
        with tarfile.open(tmp_path / "a" / f"shard-{number:06}.tar") as tar:
            members |= {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    assert [name[:9] for name in members] == [f"{number:08}-" for number in range(5)]
    assert {name[9:]: data for name, data in members.items()} == {path.name: path.read_bytes() for path in files}
    assert [name[9:] for name in members] != [path.name for path in files]
    assert len(open_pictures([str(tmp_path / "a")])) == 5


def test_names_with_dots_are_found_again(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "trip v1.2.PNG").write_bytes((pictures / "0.png").read_bytes())
    build_shards([tmp_path / "trip v1.2.PNG"], tmp_path / "a")
    shards = open_pictures([str(tmp_path / "a")])
    assert shards.name(0).name == "00000000-trip v1_2.png"
    assert (shards.read(0) == read_rgb(pictures / "0.png")).all()


def test_goes_on_where_it_was_stopped(files: list[Path], tmp_path: Path) -> None:
    build_shards(files, tmp_path / "whole", per_shard=2)

    def stop(count: int) -> None:
        if count == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_shards(files, tmp_path / "a", per_shard=2, done=stop)
    (part,) = tmp_path.glob(".a.*.part")
    (part / "shard-000002.tmp").write_bytes(b"half")
    before = {path.name: path.stat().st_mtime_ns for path in part.glob("*.tar")}
    build_shards(files, tmp_path / "a", per_shard=2)
    assert contents(tmp_path / "a") == contents(tmp_path / "whole")
    assert {name: (tmp_path / "a" / name).stat().st_mtime_ns for name in before} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "whole"]


def test_existing_folders_are_kept(files: list[Path], tmp_path: Path) -> None:
    build_shards(files, tmp_path / "a")
    with pytest.raises(PictureError, match="it exists"):
        build_shards(files, tmp_path / "a", per_shard=2)
    build_shards(files, tmp_path / "a", per_shard=2, force=True)
    assert len(contents(tmp_path / "a")) == 3


def test_files_that_are_gone(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"cannot read .*gone\.png: No such file"):
        build_shards([*files, tmp_path / "gone.png"], tmp_path / "a")
