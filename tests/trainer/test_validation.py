from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image

from licrt.trainer.data import find_pictures, read_rgb
from licrt.trainer.losses import rate_distortion
from licrt.trainer.validation import validate

if TYPE_CHECKING:
    from pathlib import Path


def test_means_over_centre_crops(pictures: Path, perturbed) -> None:
    model = perturbed("bls2017").train()
    paths = find_pictures([str(pictures)])
    before = torch.get_rng_state()
    measured, unusable = validate(model, paths, 0.01)
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)
    assert not unusable
    losses = []
    for path in paths:  # 96x80 and 80x96: multiples of 16 already
        x = torch.from_numpy(read_rgb(path)).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            losses.append(rate_distortion(model.eval()(x), x, 0.01))
    assert measured["validation_loss"] == pytest.approx(sum(loss.total.item() for loss in losses) / 5)
    assert measured["validation_bpp"] == pytest.approx(sum(loss.bpp.item() for loss in losses) / 5)
    assert measured["validation_psnr"] == pytest.approx(sum(loss.psnr for loss in losses) / 5)


def test_small_and_broken_pictures_are_told(tmp_path: Path, perturbed) -> None:
    Image.new("RGB", (63, 90)).save(tmp_path / "small.png")
    (tmp_path / "text.png").write_text("not a picture")
    measured, unusable = validate(perturbed("mbt2018-mean"), find_pictures([str(tmp_path)]), 0.01)
    assert measured == {}
    assert "smaller than 64 pixels" in unusable[tmp_path / "small.png"]
    assert "cannot read" in unusable[tmp_path / "text.png"]
