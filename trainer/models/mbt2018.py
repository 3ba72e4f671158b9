"""The autoregressive model of 2018."""

from __future__ import annotations

from torch import nn

from licrt.trainer.models.contextual import RasterModel
from licrt.trainer.models.transforms import gdn_analysis, gdn_synthesis, hyper_analysis, mean_scale_hyper_synthesis


class MBT2018(RasterModel):
    """Minnen, Ballé and Toderici, "Joint autoregressive and hierarchical priors", NeurIPS 2018, figure 1 and table 1.

    >>> import torch
    >>> MBT2018(4, 6).eval()(torch.zeros(1, 3, 64, 64))["likelihoods"]["y"].shape
    torch.Size([1, 6, 4, 4])
    """

    arch = "mbt2018"

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__(channels, latent_channels)
        self.g_a = gdn_analysis(channels, latent_channels)
        self.g_s = gdn_synthesis(channels, latent_channels)
        self.h_a = hyper_analysis(channels, latent_channels, nn.LeakyReLU)
        self.h_s = mean_scale_hyper_synthesis(channels, latent_channels)
