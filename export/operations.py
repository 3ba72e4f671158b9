"""How many multiplications a float network takes: the measure that a stage's time is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from torch import nn

_SIDE = 16  # latent samples of the example: a multiple of every hyper-stride


def multiplications(network: nn.Module, channels: int, unit: int) -> int:
    """Return the multiplications of a network's convolutions and matrix products for each latent sample, rounded up.

    They are those of the model's own layers, at every tap, whatever graph is made of them.

    Args:
        network: takes `[1, channels, height, width]`.
        channels: of its input.
        unit: samples of its input for each latent sample along an axis.

    >>> multiplications(torch.nn.Conv2d(3, 8, 5, stride=2, padding=2), 3, 2)
    600
    """
    example = torch.zeros(1, channels, _SIDE * unit, _SIDE * unit)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(example)
    return -(-counter.get_total_flops() // (2 * _SIDE**2))
