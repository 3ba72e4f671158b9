"""The mean-scale hyperprior of 2018."""

from __future__ import annotations

from torch import Tensor, nn

from licrt.trainer.models.hyperprior import Hyperprior
from licrt.trainer.models.transforms import hyper_analysis, mean_scale_hyper_synthesis


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
        self.h_a = hyper_analysis(channels, latent_channels, nn.LeakyReLU)
        self.h_s = mean_scale_hyper_synthesis(channels, latent_channels)

    def hyper_synthesis(self, z_hat: Tensor) -> tuple[Tensor, Tensor]:
        """Scales and means of the latent, each [batch, M, height, width]."""
        scales, means = self.h_s(z_hat).chunk(2, 1)
        return scales, means
