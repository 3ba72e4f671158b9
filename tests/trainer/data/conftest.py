"""One small set of pictures as each kind of place."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from licrt.trainer.data import find_pictures, open_pictures
from licrt.trainer.data.build_memmap import build_memmap
from licrt.trainer.data.build_shards import build_shards

if TYPE_CHECKING:
    from pathlib import Path


def lay_out_vimeo(folder: Path, pictures: list[Path], kind: str = "tri", frames: int = 3) -> Path:
    """Make a folder as Vimeo-90k is distributed; one sequence that starts at each picture. Returns the list."""
    names = []
    for number in range(len(pictures)):
        names.append(f"{number // 3 + 1:05}/{number % 3 + 1:04}")
        sequence = folder / "sequences" / names[-1]
        sequence.mkdir(parents=True)
        for frame in range(frames):
            shutil.copy(pictures[(number + frame) % len(pictures)], sequence / f"im{frame + 1}.png")
    (folder / f"{kind}_trainlist.txt").write_text("\n".join([*names[1:], ""]))
    (folder / f"{kind}_testlist.txt").write_text(f"{names[0]}\n")
    return folder / f"{kind}_trainlist.txt"


@pytest.fixture(scope="session")
def places(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pictures as files, Vimeo-90k's triplets, an array of seven crops of 48x48, and shards of two."""
    root = tmp_path_factory.mktemp("places")
    files = find_pictures([str(pictures)])
    lay_out_vimeo(root / "vimeo", files)
    (root / "memmap").mkdir()
    build_memmap(open_pictures([str(pictures)]), root / "memmap" / "training.npy", side=48, crops=7)
    build_shards(files, root / "shards", per_shard=2)
    return {"files": pictures, "vimeo": root / "vimeo", "memmap": root / "memmap", "shards": root / "shards"}
