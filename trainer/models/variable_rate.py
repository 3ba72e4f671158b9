"""What makes a model one of many rates: gains on the residual, and a learnt offset of its reconstruction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from licrt.trainer.layers import straight_through_round
from licrt.trainer.models.base import CompressionModel, Output

if TYPE_CHECKING:
    from licrt.trainer.entropy_models import GaussianConditional

# Of the eight levels, and the weights of the distortion that CompressAI trains them with.
GAINS = (0.1, 0.13944, 0.19293, 0.26874, 0.37268, 0.51801, 0.71957, 1.0)
LAMBDAS = (0.0018, 0.0035, 0.0067, 0.013, 0.025, 0.0483, 0.0932, 0.18)


class VariableRate(CompressionModel):
    """Adds rate levels to an architecture that stands after it among the base classes.

    A latent y with mean m and gain g is coded as ``q = round((y - m) * g)`` and becomes
    ``m + sign(q) * (|q| + offset) / g``, m where q is 0; the offset follows from the scale, times g, and from g.
    Kamisli, Racapé and Choi, "Variable-rate learned image compression with multi-objective optimization and
    quantization-reconstruction offsets", DCC 2024. Names of parameters as in CompressAI.
    """

    gaussian_conditional: GaussianConditional

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__(channels, latent_channels)
        self.Gain = nn.Parameter(torch.tensor(GAINS))
        self.QuantABCD = nn.Sequential(nn.Linear(2, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 1))

    @classmethod
    def has_a_single_rate(cls) -> bool:
        """Whether the networks are also those of a model with one rate, which stage 1 trains."""
        return super().forward is not CompressionModel.forward

    @property
    def gains(self) -> Tensor:
        """The trained levels, float [levels], ascending."""
        return self.Gain.detach().abs().sort().values

    def reconstruction_offset(self, stdev: Tensor, gain: Tensor) -> Tensor:
        """What is added to the magnitude of a symbol that is not 0, of stdev's shape.

        Args:
            stdev: scale of the symbol, that is of the latent times the gain, not below 0.11.
            gain: a scalar, or [batch, 1, 1, 1].
        """
        offset: Tensor = self.QuantABCD(torch.stack((stdev, gain.detach().expand_as(stdev)), dim=-1))
        return -offset[..., 0]

    def context_bias(self, gain: Tensor) -> Tensor | None:
        """What is added to the spatial features at a gain; None for nothing.

        [features] for a scalar, [batch, features] for the gain of each picture, [batch, 1, 1, 1].
        """
        del gain
        return None

    def rate_forward(self, x: Tensor, gain: Tensor) -> Output:
        """Codes pictures x, float [batch, 3, height, width] in 0…1, at a gain, a scalar or [batch, 1, 1, 1]."""
        raise NotImplementedError

    def forward(self, x: Tensor, stage: int = 2, s: int | Tensor = 1) -> Output:
        """Codes pictures x, float [batch, 3, height, width] in 0…1, sides multiples of 64.

        Args:
            x: the pictures.
            stage: 1 trains the networks as those of a model with one rate, 2 everything, at a level.
            s: the level, 0…7, for stage 2: one for all pictures, or int64 [batch].
        """
        if stage == 1:
            return super().forward(x)
        gain = self.gains[s]
        return self.rate_forward(x, gain.reshape(-1, 1, 1, 1) if gain.dim() else gain)

    def quantise(self, y: Tensor, scales: Tensor, means: Tensor, gain: Tensor) -> Tensor:
        """The latent that a decoder reconstructs, with the gradient of the identity.

        All of y's shape but the gain, which is a scalar or [batch, 1, 1, 1].
        """
        scaled = (y - means) * gain
        magnitude = straight_through_round(scaled.abs())
        offset = self.reconstruction_offset(self.gaussian_conditional.lower_bound_scale(scales * gain), gain)
        offset = torch.where(magnitude < 0.5, torch.zeros_like(offset), offset)
        residual = torch.sign(scaled).detach() * (magnitude + offset) / gain
        y_hat: Tensor = residual + means
        return y_hat

    def likelihoods(self, y: Tensor, scales: Tensor, means: Tensor, gain: Tensor) -> Tensor:
        """Likelihoods of the symbols at a gain, of y's shape."""
        likelihoods: Tensor = self.gaussian_conditional((y - means) * gain, scales * gain)[1]
        return likelihoods
