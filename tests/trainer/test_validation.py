from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image

from licrt.trainer.coding import code
from licrt.trainer.data import find_pictures, read_rgb
from licrt.trainer.losses import rate_distortion
from licrt.trainer.processes import Processes
from licrt.trainer.recipe import Recipe
from licrt.trainer.validation import columns, measured_levels, validate

if TYPE_CHECKING:
    from pathlib import Path

    from licrt.trainer.losses import Loss

ALONE = Processes(torch.device("cpu"))


def objective(model: torch.nn.Module, x: torch.Tensor, numbers: torch.Tensor) -> Loss:
    """That of one rate."""
    del numbers
    return rate_distortion(model(x), x, 0.01)


def test_means_over_centre_crops(pictures: Path, perturbed) -> None:
    model = perturbed("bls2017")
    model.update()
    paths = find_pictures([str(pictures)])
    before = torch.get_rng_state()
    measured, unusable = validate(model, paths, objective, [None], ALONE)
    assert torch.equal(torch.get_rng_state(), before)
    assert not unusable
    assert [*measured] == columns([None])
    rows = []
    for path in paths:  # 96x80 and 80x96: multiples of 16 already
        x = torch.from_numpy(read_rgb(path)).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            loss = rate_distortion(model(x), x, 0.01)
        coded = code(model, x)
        psnr = -10 * math.log10(torch.mean((coded.x_hat - x) ** 2).item())
        rows.append((loss.total.item(), loss.bpp.item(), 8 * len(coded.stream) / (96 * 80), psnr))
    assert [*measured.values()] == pytest.approx([sum(column) / 5 for column in zip(*rows, strict=True)])


def test_levels_of_a_variable_rate(pictures: Path, perturbed) -> None:
    model = perturbed("mbt2018-mean-vbr")
    model.update()
    recipe = Recipe(stage="2")
    levels = measured_levels(recipe, model)
    assert levels == [0, 4, 7]
    assert measured_levels(replace(recipe, stage="1"), model) == [None]
    measured, _ = validate(model, find_pictures([str(pictures)])[:2], objective, levels, ALONE)
    assert [*measured] == columns(levels)
    rates = [measured[f"validation_real_bpp_level_{level}"] for level in levels]
    assert rates == sorted(rates)
    assert rates[0] < 0.7 * rates[-1]


def test_processes_share_the_pictures(pictures: Path, perturbed) -> None:
    """The sums of the two parts are those of one process."""

    class Part(Processes):
        def __init__(self, rank: int) -> None:
            super().__init__(torch.device("cpu"))
            self.rank, self.world = rank, 2

        def total(self, values: torch.Tensor) -> torch.Tensor:
            sums.append(values)
            return values

    model = perturbed("bls2017")
    model.update()
    paths = find_pictures([str(pictures)])
    sums: list[torch.Tensor] = []
    for rank in range(2):
        validate(model, paths, objective, [None], Part(rank))
    together = sums[0] + sums[1]
    assert [part[0].item() for part in sums] == [3, 2]
    measured, _ = validate(model, paths, objective, [None], ALONE)
    assert (together[1:] / together[0]).tolist() == pytest.approx([*measured.values()])


def test_small_and_broken_pictures_are_told(tmp_path: Path, perturbed) -> None:
    Image.new("RGB", (63, 90)).save(tmp_path / "small.png")
    (tmp_path / "text.png").write_text("not a picture")
    model = perturbed("mbt2018-mean")
    measured, unusable = validate(model, find_pictures([str(tmp_path)]), objective, [None], ALONE)
    assert measured == {}
    assert "smaller than 64 pixels" in unusable[tmp_path / "small.png"]
    assert "cannot read" in unusable[tmp_path / "text.png"]
