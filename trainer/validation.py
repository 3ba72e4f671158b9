"""How good a model is on whole pictures, with rounding instead of noise, and with streams instead of estimates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from licrt.runtime.errors import PictureError
from licrt.trainer.coding import code
from licrt.trainer.data import read_rgb
from licrt.trainer.models.variable_rate import VariableRate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from licrt.trainer.models import CompressionModel
    from licrt.trainer.objective import Objective
    from licrt.trainer.processes import Processes
    from licrt.trainer.recipe import Recipe


def measured_levels(recipe: Recipe, model: CompressionModel) -> list[int | None]:
    """The rates that a validation measures: of a variable-rate model the lowest, the middle and the highest level."""
    if not isinstance(model, VariableRate) or recipe.stage == "1":
        return [None]
    count = len(model.gains)
    return sorted({0, count // 2, count - 1})


def columns(levels: Sequence[int | None]) -> list[str]:
    """Names of what a validation measures at these levels."""
    pairs = [f"validation_{name}{_suffix(level)}" for level in levels for name in ("real_bpp", "psnr")]
    return ["validation_loss", "validation_bpp", *pairs]


@torch.no_grad()
def validate(
    model: CompressionModel,
    pictures: Sequence[Path],
    objective: Objective,
    levels: Sequence[int | None],
    processes: Processes,
) -> tuple[dict[str, float], dict[Path, str]]:
    """Measure a model on pictures, cropped at the centre to multiples of its stride.

    Args:
        model: in evaluation mode, with CDF tables.
        pictures: files; each process measures its share of them.
        objective: what training minimises; a picture's number here is that of its sample.
        levels: of a variable-rate model, or None for a single rate.
        processes: that validate together.

    Returns:
        Means over the pictures, empty if none could be used: loss and bits per pixel as the objective estimates them,
        and for each level the bits per pixel of real streams, headers included, and PSNR in dB of 8-bit pixels. And
        the reason for each of this process's pictures that could not be used.
    """
    device = next(model.parameters()).device
    names = columns(levels)
    sums = torch.zeros(1 + len(names), dtype=torch.float64)
    unusable: dict[Path, str] = {}
    for number in range(processes.rank, len(pictures), processes.world):
        path = pictures[number]
        try:
            x = _centre(torch.from_numpy(read_rgb(path)).permute(2, 0, 1)[None], model.stride)
        except PictureError as error:
            unusable[path] = str(error)
            continue
        if x.numel() == 0:
            unusable[path] = f"cannot use {path}: it is smaller than {model.stride} pixels"
            continue
        x = x.to(device).float() / 255
        estimate = objective(model, x, torch.tensor([number]))
        row = [estimate.total.item(), estimate.bpp.item()]
        for level in levels:
            row += _real(model, x, level)
        sums += torch.tensor([1, *row], dtype=torch.float64)
    count, *totals = processes.total(sums).tolist()
    measured = {name: total / count for name, total in zip(names, totals, strict=True)} if count else {}
    return measured, unusable


def _real(model: CompressionModel, x: Tensor, level: int | None) -> tuple[float, float]:
    coded = code(model, x, level)
    mse = torch.nn.functional.mse_loss(coded.x_hat, x).item()
    return 8 * len(coded.stream) / (x.shape[2] * x.shape[3]), -10 * math.log10(max(mse, 1e-12))


def _suffix(level: int | None) -> str:
    return "" if level is None else f"_level_{level}"


def _centre(x: Tensor, multiple: int) -> Tensor:
    height, width = (side - side % multiple for side in x.shape[-2:])
    top, left = (x.shape[-2] - height) // 2, (x.shape[-1] - width) // 2
    return x[..., top : top + height, left : left + width]
