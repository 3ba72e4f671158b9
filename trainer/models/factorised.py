"""Models whose latent has one distribution per channel, known beforehand: no hyper-latent tells more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licrt.trainer.entropy_models import EntropyBottleneck
from licrt.trainer.models.base import CompressionModel, Output

if TYPE_CHECKING:
    from torch import Tensor


class Factorised(CompressionModel):
    """A latent y that the entropy bottleneck codes. Subclasses bring ``g_a`` and ``g_s``."""

    stride = 16

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__(channels, latent_channels)
        self.entropy_bottleneck = EntropyBottleneck(latent_channels)

    def forward(self, x: Tensor) -> Output:
        """Codes pictures x, float [batch, 3, height, width] in 0…1, sides multiples of 16."""
        y_hat, likelihoods = self.entropy_bottleneck(self.g_a(x))
        return {"x_hat": self.g_s(y_hat), "likelihoods": {"y": likelihoods}}
