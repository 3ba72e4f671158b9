"""The rate of latents alone: all that there is to train while analysis and synthesis stay as they are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from licrt.runtime.errors import ModelError
from licrt.trainer.models.context import code_latent
from licrt.trainer.models.contextual import Contextual
from licrt.trainer.models.hyperprior import Hyperprior
from licrt.trainer.models.variable_rate import VariableRate

if TYPE_CHECKING:
    from torch import Tensor

    from licrt.trainer.models import CompressionModel


def latent_bits(model: CompressionModel, y: Tensor, level: int = -1) -> Tensor:
    """Bits that latents and their hyper-latents take, estimated, a scalar.

    A context model of one group is run in parallel, as in its training; the others as a decoder runs them.

    Args:
        model: with a hyper-prior. In training, noise stands for rounding, but for the hyper-latent that networks read.
        y: latents [batch, M, height, width], whose sides are multiples of 4.
        level: of a variable-rate model.

    Raises:
        ModelError: the model has no hyper-prior.

    >>> from licrt.trainer.models import MBT2018Mean
    >>> latent_bits(MBT2018Mean(4, 6).eval(), torch.zeros(1, 6, 4, 4)).item() > 0
    True
    """
    z = hyper_latent(model, y)
    _, z_likelihoods = model.entropy_bottleneck(z)
    gain = model.gains[level] if isinstance(model, VariableRate) else None
    scales, means = _prediction(model, y, model.entropy_bottleneck.straight_through(z), gain)
    if isinstance(model, VariableRate) and gain is not None:
        means = torch.zeros_like(scales) if means is None else means
        y_likelihoods = model.likelihoods(y, scales, means, gain)
    else:
        _, y_likelihoods = model.gaussian_conditional(y, scales, means)
    return -(torch.log2(z_likelihoods).sum() + torch.log2(y_likelihoods).sum())


def hyper_latent(model: CompressionModel, y: Tensor) -> Tensor:
    """Hyper-latents before rounding.

    Raises:
        ModelError: the model has none.
    """
    if isinstance(model, Hyperprior):
        return model.hyper_analysis(y)
    if isinstance(model, Contextual):
        z: Tensor = model.h_a(y)
        return z
    raise ModelError(f"{model.arch} has no hyper-latent")


def _prediction(model: CompressionModel, y: Tensor, z_hat: Tensor, gain: Tensor | None) -> tuple[Tensor, Tensor | None]:
    if isinstance(model, Hyperprior):
        return model.hyper_synthesis(z_hat)
    if not isinstance(model, Contextual):
        raise ModelError(f"{model.arch} has no hyper-latent")
    groups, hyper = model.context_groups(), model.hyper_features(z_hat, y)
    if isinstance(model, VariableRate) and gain is not None:
        return code_latent(groups, y, hyper, partial(model.quantise, gain=gain), model.context_bias(gain))[1:]
    if len(groups) > 1 or groups[0].spatial_context is None:
        return code_latent(groups, y, hyper)[1:]
    return groups[0].predict(hyper, None, groups[0].spatial_context(model.gaussian_conditional.quantize(y)))
