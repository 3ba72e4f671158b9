"""Convolutions that divide or multiply the size by their stride exactly."""

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
