"""Multiplications of float networks, against counts by hand, and against what the embedded model says of its own."""

from __future__ import annotations

import pytest
import torch

from licrt.export.float_model import float_model
from licrt.export.graphs import float_graphs
from licrt.export.operations import multiplications
from licrt.runtime.bundle import load_bundle
from licrt.runtime.models import find
from licrt.trainer.models import ARCHITECTURES


@pytest.mark.parametrize(
    ("network", "unit", "expected"),
    [
        (torch.nn.Conv2d(8, 4, 3, padding=1), 1, 9 * 8 * 4),
        (torch.nn.Conv2d(8, 4, 3, padding=1), 4, 9 * 8 * 4 * 16),
        (torch.nn.Conv2d(8, 4, 5, stride=2, padding=2), 1, 25 * 8 * 4 // 4),
        (torch.nn.Conv2d(8, 4, 3, padding=1, groups=2), 1, 9 * 8 * 4 // 2),
        (torch.nn.ConvTranspose2d(8, 4, 5, 2, 2, 1), 1, 25 * 8 * 4),
        (torch.nn.Conv2d(8, 1, 1, stride=4), 1, 1),  # half a multiplication, rounded up
        (torch.nn.Sequential(torch.nn.Conv2d(8, 6, 1), torch.nn.ReLU(), torch.nn.PixelShuffle(1)), 1, 48),
    ],
)
def test_layers(network: torch.nn.Module, unit: int, expected: int) -> None:
    assert multiplications(network, 8, unit) == expected


def test_the_embedded_model_says_what_its_architecture_has() -> None:
    model = ARCHITECTURES["licrt2026"](128, 384).eval()
    model.update(force=True)
    source = float_model(model)
    graphs = load_bundle(find("default")).graphs
    for role, (network, channels) in float_graphs(source).items():
        unit = source.stride if role == "analysis" else 1
        assert graphs[role].multiplications == multiplications(network, channels, unit)
