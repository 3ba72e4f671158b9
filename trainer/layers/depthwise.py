"""The residual block of networks that have to be fast."""

from __future__ import annotations

from torch import Tensor, nn


class DepthwiseBlock(nn.Module):
    """A convolution of each channel, then two 1x1 convolutions with ReLU between, beside the identity.

    The order of Liu, Mao, Wu, Feichtenhofer, Darrell and Xie, "A ConvNet for the 2020s", CVPR 2022, figure 4, without
    normalisation, so that a picture can be cut into tiles. A new block changes nothing: its last weights are zeros
    (Zhang, Dauphin and Ma, "Fixup initialization", ICLR 2019).

    >>> import torch
    >>> x = torch.rand(1, 4, 3, 5)
    >>> torch.equal(DepthwiseBlock(4, 8)(x), x)
    True
    """

    def __init__(self, channels: int, hidden: int, *, kernel: int = 5) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.expand = nn.Conv2d(channels, hidden, 1)
        self.activation = nn.ReLU()
        self.project = nn.Conv2d(hidden, channels, 1)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Transforms x [batch, channels, height, width]."""
        change: Tensor = self.project(self.activation(self.expand(self.spatial(x))))
        return x + change
