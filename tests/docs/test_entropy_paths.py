"""The numbers of docs/entropy-paths.md are those of the models."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from licrt.trainer.models import ARCHITECTURES
from licrt.trainer.models.context import ContextGroup

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "entropy-paths.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| `([a-z0-9-]+)` \| (\d+) \| (\d+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", re.M
)
ROWS = ROW.findall(PAGE)


def work(network: nn.Module, positions: float) -> float:
    """Multiplications per position of the latent of a network whose input has so many positions for each of these."""
    total = 0.0
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            total += layer.weight.numel() * positions
        if isinstance(layer, nn.ConvTranspose2d):
            positions *= layer.stride[0] ** 2
        if isinstance(layer, nn.PixelShuffle):
            positions *= layer.upscale_factor**2
    assert positions == 1
    return total


def spatial_work(group: ContextGroup) -> tuple[float, float]:
    """Multiplications of the masked layer and of the 1x1 layers; the first of two passes has no spatial features."""
    layer = group.spatial_context
    if layer is None:
        return 0, work(group.parameters, 1)
    share = 0.5 if group.order == "checkerboard" else 1.0
    taps = 12 * layer.in_channels * layer.out_channels
    first = next(module for module in group.parameters.modules() if isinstance(module, nn.Conv2d))
    return share * taps, work(group.parameters, 1) - (1 - share) * first.out_channels * layer.out_channels


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[2]}")
def test_multiplications_are_those_of_the_layers(row: tuple[str, ...]) -> None:
    channels, latent_channels, *numbers = (int(number.replace(",", "")) for number in row[1:])
    with torch.device("meta"):
        model = ARCHITECTURES[row[0]](channels, latent_channels)
    groups = model.context_groups() if hasattr(model, "context_groups") else ()
    masked, pointwise = (sum(parts) for parts in zip(*map(spatial_work, groups), strict=True)) if groups else (0, 0)
    channel = sum(work(group.channel_context, 1) for group in groups if group.channel_context)
    parts = [work(model.h_s, 1 / 16), channel, masked, pointwise]
    assert numbers == [*parts, sum(parts)]


def test_every_architecture_is_explained() -> None:
    assert len(ROWS) > 8
    sections = re.findall(r"^## .*\n\n((?:`.*)+)", PAGE, re.M)
    explained = set(re.findall(r"`([a-z0-9-]+)`", " ".join(sections)))
    assert explained >= set(ARCHITECTURES)
