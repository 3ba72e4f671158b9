"""Attention without pairs of positions: a mask from the neighbourhood."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from licrt.trainer.layers.convolution import convolution


class ResidualUnit(nn.Module):
    """Bottleneck of three convolutions beside the identity, and a rectifier after their sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv = nn.Sequential(
            convolution(channels, half, kernel=1, stride=1),
            nn.ReLU(),
            convolution(half, half, kernel=3, stride=1),
            nn.ReLU(),
            convolution(half, channels, kernel=1, stride=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Transforms x [batch, channels, height, width]."""
        return torch.relu(self.conv(x) + x)


class Attention(nn.Module):
    """Adds a trunk branch, weighted by the sigmoid of a mask branch, to its input.

    Cheng, Sun, Takeuchi and Katto, "Learned image compression with discretized Gaussian mixture likelihoods and
    attention modules", CVPR 2020, figure 5 (the simplified module).

    >>> Attention(4)(torch.zeros(1, 4, 3, 5)).shape
    torch.Size([1, 4, 3, 5])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_a = nn.Sequential(*(ResidualUnit(channels) for _ in range(3)))
        self.conv_b = nn.Sequential(
            *(ResidualUnit(channels) for _ in range(3)), convolution(channels, channels, kernel=1, stride=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Transforms x [batch, channels, height, width]."""
        change: Tensor = self.conv_a(x) * torch.sigmoid(self.conv_b(x))
        return change + x
