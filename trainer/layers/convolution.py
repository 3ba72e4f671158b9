"""Convolutions that divide or multiply the size by a whole number exactly."""

from __future__ import annotations

from torch import nn


def convolution(inputs: int, outputs: int, kernel: int = 5, stride: int = 2) -> nn.Conv2d:
    """Convolution that turns a side n into ceil(n / stride); ``kernel`` is odd.

    >>> convolution(3, 8)
    Conv2d(3, 8, kernel_size=(5, 5), stride=(2, 2), padding=(2, 2))
    """
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)


def transposed_convolution(inputs: int, outputs: int, kernel: int = 5, stride: int = 2) -> nn.ConvTranspose2d:
    """Transposed convolution that turns a side n into n * stride; ``kernel`` is odd.

    >>> transposed_convolution(8, 3)
    ConvTranspose2d(8, 3, kernel_size=(5, 5), stride=(2, 2), padding=(2, 2), output_padding=(1, 1))
    """
    return nn.ConvTranspose2d(inputs, outputs, kernel, stride, padding=kernel // 2, output_padding=stride - 1)


def subpixel_convolution(inputs: int, outputs: int, factor: int = 2) -> nn.Sequential:
    """3x3 convolution and a rearrangement of its channels that turn a side n into n * factor.

    Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
    network", CVPR 2016, section 3.2.

    >>> import torch
    >>> subpixel_convolution(8, 3)(torch.zeros(1, 8, 4, 5)).shape
    torch.Size([1, 3, 8, 10])
    """
    return nn.Sequential(convolution(inputs, outputs * factor**2, kernel=3, stride=1), nn.PixelShuffle(factor))
