"""Residual blocks of the deeper transforms."""

from __future__ import annotations

from torch import Tensor, nn

from licrt.trainer.layers.convolution import convolution, subpixel_convolution
from licrt.trainer.layers.gdn import GDN


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside the identity; the size is kept.

    This and the next two: Cheng, Sun, Takeuchi and Katto, "Learned image compression with discretized Gaussian mixture
    likelihoods and attention modules", CVPR 2020, figure 4.

    >>> import torch
    >>> ResidualBlock(4)(torch.zeros(1, 4, 3, 5)).shape
    torch.Size([1, 4, 3, 5])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = convolution(channels, channels, kernel=3, stride=1)
        self.conv2 = convolution(channels, channels, kernel=3, stride=1)
        self.activation = nn.LeakyReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Transforms x [batch, channels, height, width]."""
        change: Tensor = self.activation(self.conv2(self.activation(self.conv1(x))))
        return change + x


class ResidualDownsampling(nn.Module):
    """Residual block that halves the size, rounding up.

    >>> import torch
    >>> ResidualDownsampling(3, 4)(torch.zeros(1, 3, 6, 5)).shape
    torch.Size([1, 4, 3, 3])
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = convolution(inputs, outputs, kernel=3)
        self.activation = nn.LeakyReLU()
        self.conv2 = convolution(outputs, outputs, kernel=3, stride=1)
        self.gdn = GDN(outputs)
        self.skip = convolution(inputs, outputs, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        """Transforms x [batch, inputs, height, width] to [batch, outputs, height/2, width/2]."""
        change: Tensor = self.gdn(self.conv2(self.activation(self.conv1(x))))
        shortcut: Tensor = self.skip(x)
        return change + shortcut


class ResidualUpsampling(nn.Module):
    """Residual block that doubles the size.

    >>> import torch
    >>> ResidualUpsampling(4)(torch.zeros(1, 4, 3, 5)).shape
    torch.Size([1, 4, 6, 10])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.subpel_conv = subpixel_convolution(channels, channels)
        self.activation = nn.LeakyReLU()
        self.conv = convolution(channels, channels, kernel=3, stride=1)
        self.igdn = GDN(channels, inverse=True)
        self.upsample = subpixel_convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Transforms x [batch, channels, height, width] to twice the height and width."""
        change: Tensor = self.igdn(self.conv(self.activation(self.subpel_conv(x))))
        shortcut: Tensor = self.upsample(x)
        return change + shortcut


class ResidualBottleneck(nn.Module):
    """3x3 convolution between 1x1 convolutions to half of the channels and back, beside the identity.

    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", CVPR 2016, figure 5.

    >>> import torch
    >>> ResidualBottleneck(4)(torch.zeros(1, 4, 3, 5)).shape
    torch.Size([1, 4, 3, 5])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = convolution(channels, half, kernel=1, stride=1)
        self.conv2 = convolution(half, half, kernel=3, stride=1)
        self.conv3 = convolution(half, channels, kernel=1, stride=1)
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Transforms x [batch, channels, height, width]."""
        change: Tensor = self.conv3(self.activation(self.conv2(self.activation(self.conv1(x)))))
        return change + x
