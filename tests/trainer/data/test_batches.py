from __future__ import annotations

import itertools
import os
import pickle
import signal
from typing import TYPE_CHECKING, Any

import pytest
import torch
from PIL import Image

from licrt.runtime.errors import PictureError
from licrt.trainer.data import LoaderError, PictureFiles, find_pictures, open_batches, open_pictures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from licrt.trainer.data import Batch, Pictures

KINDS = ("files", "vimeo", "memmap", "shards")


def take(count: int, pictures: Pictures | Sequence[Path], **more: Any) -> list[Batch]:
    """The first batches of a run, of four crops of 32x32 unless told otherwise."""
    settings = {"side": 32, "batch_size": 4, "seed": 1} | more
    return list(itertools.islice(open_batches(pictures, **settings), count))


def crops(batches: list[Batch]) -> torch.Tensor:
    return torch.cat([batch.crops for batch in batches])


@pytest.fixture(params=KINDS)
def pictures_of(request: pytest.FixtureRequest, places: dict[str, Path]) -> Pictures:
    """The same pictures, each kind of place in turn."""
    return open_pictures([str(places[request.param])])


@pytest.mark.parametrize("per_picture", [1, 3])
def test_batches_continue_at_any_sample(pictures_of: Pictures, per_picture: int) -> None:
    whole = crops(take(12, pictures_of, crops_per_picture=per_picture))
    assert whole.shape == (48, 3, 32, 32)
    for start in (1, 8, 23):
        rest = crops(take(5, pictures_of, crops_per_picture=per_picture, start=start))
        assert torch.equal(rest, whole[start : start + 20])
    assert not torch.equal(crops(take(12, pictures_of, crops_per_picture=per_picture, seed=2)), whole)


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_the_batches_out(pictures_of: Pictures, world: int) -> None:
    whole = take(6, pictures_of, start=3)
    parts = [take(6, pictures_of, start=3, rank=rank, world=world) for rank in range(world)]
    for batch, rows in zip(whole, zip(*parts, strict=True), strict=True):
        assert torch.equal(crops([*rows]), batch.crops)
        assert torch.equal(torch.cat([part.numbers for part in rows]), batch.numbers)
    assert [batch.numbers.tolist() for batch in whole[:2]] == [[3, 4, 5, 6], [7, 8, 9, 10]]


def test_batches_do_not_depend_on_workers_nor_touch_the_generator(pictures_of: Pictures) -> None:
    before = torch.get_rng_state()
    assert torch.equal(crops(take(5, pictures_of, workers=2)), crops(take(5, pictures_of)))
    assert torch.equal(torch.get_rng_state(), before)


def test_pictures_survive_the_way_to_a_process_that_is_no_copy(pictures_of: Pictures) -> None:
    sent = pickle.dumps(pictures_of)
    assert len(sent) < 4096  # the places of pictures, not their pixels
    assert torch.equal(crops(take(3, pickle.loads(sent))), crops(take(3, pictures_of)))


def test_crops_of_one_picture_are_neighbours_and_differ(pictures: Path) -> None:
    class Counted(PictureFiles):
        reads = 0

        def read(self, number: int) -> Any:
            self.reads += 1
            return super().read(number)

    counted = Counted(find_pictures([str(pictures)]))
    whole = crops(take(5, counted, crops_per_picture=4))
    assert counted.reads == 5  # an epoch: every picture is decoded once
    assert len({crop.numpy().tobytes() for crop in whole}) == 20


def test_crops_are_not_mirrored_if_unwanted(pictures: Path) -> None:
    paths = find_pictures([str(pictures)])
    mirrored, plain = crops(take(5, paths)), crops(take(5, paths, flip=False))
    same = [torch.equal(*pair) for pair in zip(mirrored, plain, strict=True)]
    turned = [torch.equal(one.flip(-1), other) for one, other in zip(mirrored, plain, strict=True)]
    assert 4 <= sum(same) <= 16
    assert sum(same) + sum(turned) == 20


def test_unusable_pictures_give_way_and_are_told(pictures: Path, tmp_path: Path) -> None:
    for path in pictures.glob("*.png"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "00-cut.png").write_bytes((pictures / "0.png").read_bytes()[:300])
    (tmp_path / "01-text.png").write_text("not a picture")
    Image.new("RGB", (31, 90)).save(tmp_path / "02-small.png")
    paths = find_pictures([str(tmp_path)])
    unusable: dict[Path, str] = {}
    for batch in take(4, paths):
        assert batch.crops.shape == (4, 3, 32, 32)
        unusable |= batch.unusable
    assert {path.name for path in unusable} == {"00-cut.png", "01-text.png", "02-small.png"}
    assert "cannot read" in unusable[tmp_path / "00-cut.png"]
    assert "has 31x90 pixels, crops have 32" in unusable[tmp_path / "02-small.png"]
    assert torch.equal(crops(take(4, paths, workers=2)), crops(take(4, paths)))


@pytest.mark.parametrize("workers", [0, 1])
def test_no_usable_picture(tmp_path: Path, workers: int) -> None:
    (tmp_path / "a.png").write_text("not a picture")
    with pytest.raises(PictureError, match=r"none of 1 pictures can be used; cannot read .*a\.png: .*cannot identify"):
        take(1, find_pictures([str(tmp_path)]), workers=workers)


def test_a_killed_worker_is_one_line(pictures: Path) -> None:
    class Deadly(PictureFiles):
        def read(self, number: int) -> Any:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(LoaderError, match=r"^a process that reads pictures was killed\. [^\n]*$"):
        take(1, Deadly(find_pictures([str(pictures)])), workers=1)
