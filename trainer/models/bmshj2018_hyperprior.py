"""The scale hyperprior of 2018."""

from __future__ import annotations

from torch import Tensor, nn

from licrt.trainer.layers import convolution, transposed_convolution
from licrt.trainer.models.hyperprior import Hyperprior
from licrt.trainer.models.transforms import hyper_analysis


class BMSHJ2018Hyperprior(Hyperprior):
    """Ballé, Minnen, Singh, Hwang and Johnston, "Variational image compression with a scale hyperprior", ICLR 2018.

    Zero-mean Gaussian latents; the hyper-latent tells their scales (figure 4 of the paper).

    >>> import torch
    >>> BMSHJ2018Hyperprior(4, 6).eval()(torch.zeros(1, 3, 64, 64))["likelihoods"]["z"].shape
    torch.Size([1, 4, 1, 1])
    """

    arch = "bmshj2018-hyperprior"
    hyper_analysis_sees_magnitude = True

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__(channels, latent_channels)
        n, m = channels, latent_channels
        self.h_a = hyper_analysis(n, m, nn.ReLU)
        self.h_s = nn.Sequential(
            transposed_convolution(n, n),
            nn.ReLU(),
            transposed_convolution(n, n),
            nn.ReLU(),
            convolution(n, m, kernel=3, stride=1),
            nn.ReLU(),
        )

    def hyper_synthesis(self, z_hat: Tensor) -> tuple[Tensor, None]:
        """Scales of the latent [batch, M, height, width]; the means are zero."""
        return self.h_s(z_hat), None
