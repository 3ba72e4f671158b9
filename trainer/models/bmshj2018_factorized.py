"""The factorised-prior models of 2018: the scale hyperprior's transforms without the hyperprior."""

from __future__ import annotations

from licrt.trainer.models.factorised import Factorised
from licrt.trainer.models.transforms import gdn_analysis, gdn_synthesis, relu_analysis, relu_synthesis


class BMSHJ2018Factorized(Factorised):
    """Ballé, Minnen, Singh, Hwang and Johnston, "Variational image compression with a scale hyperprior", ICLR 2018.

    The model that the paper compares its hyperprior with (figure 4, left half).

    >>> import torch
    >>> BMSHJ2018Factorized(4, 6).eval()(torch.zeros(1, 3, 32, 48))["likelihoods"]["y"].shape
    torch.Size([1, 6, 2, 3])
    """

    arch = "bmshj2018-factorized"

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__(channels, latent_channels)
        self.g_a = gdn_analysis(channels, latent_channels)
        self.g_s = gdn_synthesis(channels, latent_channels)


class BMSHJ2018FactorizedReLU(Factorised):
    """The same with ReLU in place of GDN, for engines that have nothing else. No trained weights are published.

    >>> [type(layer).__name__ for layer in BMSHJ2018FactorizedReLU(4, 6).g_a[:2]]
    ['Conv2d', 'ReLU']
    """

    arch = "bmshj2018-factorized-relu"

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__(channels, latent_channels)
        self.g_a = relu_analysis(channels, latent_channels)
        self.g_s = relu_synthesis(channels, latent_channels)
