"""The mean-scale hyperprior of 2018."""

from __future__ import annotations

from torch import Tensor, nn

from licrt.trainer.layers import convolution, transposed_convolution
from licrt.trainer.models.hyperprior import Hyperprior


class MBT2018Mean(Hyperprior):
    """Minnen, Ballé and Toderici, "Joint autoregressive and hierarchical priors", NeurIPS 2018, less the context.

    The hyper-latent tells both scale and mean of each latent.

    >>> import torch
    >>> MBT2018Mean(4, 6).eval()(torch.zeros(1, 3, 64, 64))["likelihoods"]["y"].shape
    torch.Size([1, 6, 4, 4])
    """

    arch = "mbt2018-mean"
    hyper_analysis_sees_magnitude = False

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__(channels, latent_channels)
        n, m = channels, latent_channels
        self.h_a = nn.Sequential(
            convolution(m, n, kernel=3, stride=1), nn.LeakyReLU(), convolution(n, n), nn.LeakyReLU(), convolution(n, n)
        )
        self.h_s = nn.Sequential(
            transposed_convolution(n, m),
            nn.LeakyReLU(),
            transposed_convolution(m, m * 3 // 2),
            nn.LeakyReLU(),
            convolution(m * 3 // 2, 2 * m, kernel=3, stride=1),
        )

    def hyper_synthesis(self, z_hat: Tensor) -> tuple[Tensor, Tensor]:
        """Scales and means of the latent, each [batch, M, height, width]."""
        scales, means = self.h_s(z_hat).chunk(2, 1)
        return scales, means
