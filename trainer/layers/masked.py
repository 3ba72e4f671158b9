"""Convolutions that see a part of their window only: the latents that a decoder has when it needs them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def causal_mask(kernel: int) -> Tensor:
    """Ones [kernel, kernel] at the rows above the centre and at the left of it.

    van den Oord, Kalchbrenner and Kavukcuoglu, "Pixel recurrent neural networks", ICML 2016, mask A.

    >>> causal_mask(3)
    tensor([[1., 1., 1.],
            [1., 0., 0.],
            [0., 0., 0.]])
    """
    mask = torch.ones(kernel, kernel)
    mask[kernel // 2, kernel // 2 :] = 0
    mask[kernel // 2 + 1 :] = 0
    return mask


def checkerboard_mask(kernel: int) -> Tensor:
    """Ones [kernel, kernel] at the squares of the other colour than the centre's.

    He, Zheng, Sun, Wang and Qin, "Checkerboard context model for efficient learned image compression", CVPR 2021.

    >>> checkerboard_mask(3)
    tensor([[0., 1., 0.],
            [1., 0., 1.],
            [0., 1., 0.]])
    """
    places = torch.arange(kernel)
    return ((places[:, None] + places) % 2).float()


class MaskedConvolution(nn.Conv2d):
    """Convolution of stride 1 that keeps the size; where its mask is 0 it sees nothing, whatever the stored weights.

    The stored ``weight`` is never changed here: a training step may leave something under the mask. ``masked_weight``
    is what counts.

    >>> layer = MaskedConvolution(1, 1, causal_mask(5))
    >>> x = torch.zeros(1, 1, 5, 5)
    >>> x[0, 0, 2, 2] = 1
    >>> (layer(x) - layer(torch.zeros(1, 1, 5, 5))).flatten().nonzero().min().item()  # first output that sees it
    13
    """

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, mask: Tensor) -> None:
        kernel = mask.shape[0]
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        self.register_buffer("mask", mask.expand_as(self.weight).clone())

    @property
    def masked_weight(self) -> Tensor:
        """The weight [outputs, inputs, kernel, kernel] with zeros under the mask."""
        return self.weight * self.mask

    def forward(self, x: Tensor) -> Tensor:
        """Convolves x [batch, inputs, height, width] to [batch, outputs, height, width]."""
        return nn.functional.conv2d(x, self.masked_weight, self.bias, padding=self.padding)

    def at(self, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """The outputs at some places only, as [batch, outputs, places, 1].

        Args:
            x: [batch, inputs, height, width].
            rows, columns: int64 [places] each.
        """
        return convolution_at(x, rows, columns, self.masked_weight, self.bias)


def convolution_at(x: Tensor, rows: Tensor, columns: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A convolution that keeps the size, at some places only, as [batch, outputs, places, 1].

    Args:
        x: [batch, inputs, height, width].
        rows, columns: int64 [places] each.
        weight: [outputs, inputs, kernel, kernel], kernel odd.
        bias: [outputs].
    """
    kernel = weight.shape[2]
    window = torch.arange(kernel, device=x.device)
    padded = nn.functional.pad(x, (kernel // 2,) * 4)
    seen = padded[:, :, rows[:, None, None] + window[:, None], columns[:, None, None] + window]
    batch, inputs, places = seen.shape[:3]
    columns_of_taps = seen.permute(0, 2, 1, 3, 4).reshape(batch, places, inputs * kernel**2)
    values = nn.functional.linear(columns_of_taps, weight.flatten(1), bias)
    return values.transpose(1, 2)[..., None]
