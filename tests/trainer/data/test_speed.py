from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from licrt.runtime.errors import PictureError
from licrt.trainer.data import find_pictures, open_pictures
from licrt.trainer.data.pictures import PictureFiles
from licrt.trainer.data.speed import measure

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("workers", [0, 1])
def test_counts_whole_batches(pictures: Path, workers: int) -> None:
    source = PictureFiles(find_pictures([str(pictures)]))
    speed = measure(source, side=32, batch_size=4, workers=workers, seconds=0.1)
    assert speed.crops % 4 == 0
    assert speed.crops > 0
    assert 0.1 <= speed.seconds < 10
    assert 0 < speed.first < 30


def test_nothing_to_measure(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(PictureError, match="none of 1 pictures can be used"):
        measure(open_pictures([str(tmp_path)]), side=32, batch_size=4, workers=0)
