"""The factorised-prior model of 2017."""

from __future__ import annotations

from torch import nn

from licrt.trainer.layers import GDN1, convolution, transposed_convolution
from licrt.trainer.models.factorised import Factorised


class BLS2017(Factorised):
    """Ballé, Laparra and Simoncelli, "End-to-end optimized image compression", ICLR 2017, figure 4.

    As in TensorFlow Compression's ``bls2017.py``, the normalisation is GDN1 and the prior the entropy bottleneck.

    >>> import torch
    >>> BLS2017(4, 6).eval()(torch.zeros(1, 3, 32, 48))["likelihoods"]["y"].shape
    torch.Size([1, 6, 2, 3])
    """

    arch = "bls2017"

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__(channels, latent_channels)
        n, m = channels, latent_channels
        self.g_a = nn.Sequential(
            convolution(3, n, kernel=9, stride=4), GDN1(n), convolution(n, n), GDN1(n), convolution(n, m)
        )
        self.g_s = nn.Sequential(
            transposed_convolution(m, n),
            GDN1(n, inverse=True),
            transposed_convolution(n, n),
            GDN1(n, inverse=True),
            transposed_convolution(n, 3, kernel=9, stride=4),
        )
