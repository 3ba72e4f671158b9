"""Variable-rate versions of the architectures of 2018."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from licrt.trainer.models.bmshj2018_hyperprior import BMSHJ2018Hyperprior
from licrt.trainer.models.context import code_latent
from licrt.trainer.models.contextual import Contextual
from licrt.trainer.models.hyperprior import Hyperprior
from licrt.trainer.models.mbt2018 import MBT2018
from licrt.trainer.models.mbt2018_mean import MBT2018Mean
from licrt.trainer.models.variable_rate import VariableRate

if TYPE_CHECKING:
    from licrt.trainer.models.base import Output


class VariableRateHyperprior(VariableRate, Hyperprior):
    """A variable rate for models without a context."""

    def rate_forward(self, x: Tensor, gain: Tensor) -> Output:
        """Codes pictures x, float [batch, 3, height, width] in 0…1, sides multiples of 64, at a gain.

        That is a scalar, or [batch, 1, 1, 1].
        """
        y = self.g_a(x)
        z = self.hyper_analysis(y)
        _, z_likelihoods = self.entropy_bottleneck(z)
        scales, means = self.hyper_synthesis(self.entropy_bottleneck.straight_through(z))
        means = torch.zeros_like(scales) if means is None else means
        y_hat = self.quantise(y, scales, means, gain)
        likelihoods = {"y": self.likelihoods(y, scales, means, gain), "z": z_likelihoods}
        return {"x_hat": self.g_s(y_hat), "likelihoods": likelihoods}


class BMSHJ2018HyperpriorVbr(VariableRateHyperprior, BMSHJ2018Hyperprior):
    """:class:`~licrt.trainer.models.BMSHJ2018Hyperprior` at a variable rate.

    >>> BMSHJ2018HyperpriorVbr(4, 6).eval()(torch.zeros(1, 3, 64, 64), s=7)["likelihoods"]["z"].shape
    torch.Size([1, 4, 1, 1])
    """

    arch = "bmshj2018-hyperprior-vbr"


class MBT2018MeanVbr(VariableRateHyperprior, MBT2018Mean):
    """:class:`~licrt.trainer.models.MBT2018Mean` at a variable rate.

    >>> MBT2018MeanVbr(4, 6).gains[-1]
    tensor(1.)
    """

    arch = "mbt2018-mean-vbr"


class VariableRateContextual(VariableRate, Contextual):
    """A variable rate for models with a context, which are coded step by step as a decoder has to."""

    def rate_forward(self, x: Tensor, gain: Tensor) -> Output:
        """Codes pictures x, float [batch, 3, height, width] in 0…1, sides multiples of 64, at a gain.

        That is a scalar, or [batch, 1, 1, 1].
        """
        y = self.g_a(x)
        z = self.h_a(y)
        _, z_likelihoods = self.entropy_bottleneck(z)
        hyper = self.hyper_features(self.entropy_bottleneck.straight_through(z), y)
        quantise = partial(self.quantise, gain=gain)
        y_hat, scales, means = code_latent(self.context_groups(), y, hyper, quantise, self.context_bias(gain))
        likelihoods = {"y": self.likelihoods(y, scales, means, gain), "z": z_likelihoods}
        return {"x_hat": self.g_s(y_hat), "likelihoods": likelihoods}


class MBT2018Vbr(VariableRateContextual, MBT2018):
    """:class:`~licrt.trainer.models.MBT2018` at a variable rate, known to the context too.

    Stage 2 codes the latent as a decoder has to, position by position.

    >>> MBT2018Vbr(4, 6).context_bias(torch.tensor(0.5)).shape
    torch.Size([12])
    """

    arch = "mbt2018-vbr"

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__(channels, latent_channels)
        self.scale_to_context = nn.Linear(1, 2 * latent_channels)

    def context_bias(self, gain: Tensor) -> Tensor:
        """What is added to the spatial features at a gain: [2 M] for a scalar, [batch, 2 M] for [batch, 1, 1, 1]."""
        bias: Tensor = self.scale_to_context(gain.reshape(*gain.shape[:1], 1))
        return bias
