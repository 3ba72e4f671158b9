"""Models whose latent's distribution is itself coded, as a hyper-latent."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from licrt.trainer.entropy_models import EntropyBottleneck, GaussianConditional
from licrt.trainer.models.base import CompressionModel, Output
from licrt.trainer.models.transforms import gdn_analysis, gdn_synthesis


class Hyperprior(CompressionModel):
    """Four-layer GDN analysis and synthesis, a hyper-latent z, and Gaussian latents y given z.

    Subclasses bring ``h_a`` and ``h_s``.

    Attributes:
        hyper_analysis_sees_magnitude: ``h_a`` takes |y| instead of y.
        means_first: ``h_s`` gives means, then scales; here it does not.
    """

    stride = 64
    hyper_analysis_sees_magnitude: ClassVar[bool]
    means_first: ClassVar[bool] = False
    h_a: nn.Sequential
    h_s: nn.Sequential

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__(channels, latent_channels)
        self.g_a = gdn_analysis(channels, latent_channels)
        self.g_s = gdn_synthesis(channels, latent_channels)
        self.entropy_bottleneck = EntropyBottleneck(channels)
        self.gaussian_conditional = GaussianConditional()

    def hyper_analysis(self, y: Tensor) -> Tensor:
        """Hyper-latent z [batch, N, height/4, width/4] of the latent y [batch, M, height, width]."""
        z: Tensor = self.h_a(torch.abs(y) if self.hyper_analysis_sees_magnitude else y)
        return z

    def hyper_synthesis(self, z_hat: Tensor) -> tuple[Tensor, Tensor | None]:
        """Scales and means of the latent, each [batch, M, height, width]; means may be None for zero."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Output:
        """Codes pictures x, float [batch, 3, height, width] in 0…1, sides multiples of 64."""
        y = self.g_a(x)
        z_hat, z_likelihoods = self.entropy_bottleneck(self.hyper_analysis(y))
        scales, means = self.hyper_synthesis(z_hat)
        y_hat, y_likelihoods = self.gaussian_conditional(y, scales, means)
        return {"x_hat": self.g_s(y_hat), "likelihoods": {"y": y_likelihoods, "z": z_likelihoods}}
