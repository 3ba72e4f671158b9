"""Pictures to bytes and back with a model in training: what its streams will weigh, by the coder that writes them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from licrt.runtime.coder import CdfTables, encode
from licrt.runtime.container import HYPER_LATENT, LATENT, Section, Stream, write_stream
from licrt.runtime.entropy import lanes_for
from licrt.trainer.latent_rate import hyper_latent
from licrt.trainer.models.context import code_latent, residual_rounding
from licrt.trainer.models.contextual import Contextual
from licrt.trainer.models.factorised import Factorised
from licrt.trainer.models.hyperprior import Hyperprior
from licrt.trainer.models.variable_rate import VariableRate

if TYPE_CHECKING:
    from torch import Tensor

    from licrt.trainer.entropy_models import EntropyBottleneck
    from licrt.trainer.entropy_models.base import EntropyModel
    from licrt.trainer.models import CompressionModel


class Coded(NamedTuple):
    """A picture as a decoder shows it, float [1, 3, height, width] in whole 255ths, and the bytes of its stream."""

    x_hat: Tensor
    stream: bytes


@torch.no_grad()
def code(model: CompressionModel, x: Tensor, level: int | None = None) -> Coded:
    """Code a picture with the model's own tables, in floats: a bundle's integers come within half a per cent.

    Args:
        model: in evaluation mode, with CDF tables.
        x: float [1, 3, height, width] in 0…1, sides multiples of the model's stride.
        level: of a variable-rate model, counted from zero.

    Raises:
        ModelError: the model has no tables.
    """
    y = model.g_a(x)
    if isinstance(model, Factorised):
        sections = [_prior_section(LATENT, y, model.entropy_bottleneck)]
        y_hat = model.entropy_bottleneck.straight_through(y)
    elif isinstance(model, Hyperprior | Contextual):
        z = hyper_latent(model, y)
        gain = torch.ones((), device=y.device) if level is None else _levels_of(model).gains[level]
        y_hat, scales, means = _predict(model, y, model.entropy_bottleneck.straight_through(z), gain, level)
        symbols, indexes = torch.round((y - means) * gain), model.gaussian_conditional.build_indexes(scales * gain)
        sections = [
            _section(LATENT, symbols, indexes, model.gaussian_conditional),
            _prior_section(HYPER_LATENT, z, model.entropy_bottleneck),
        ]
    else:
        raise TypeError(f"{type(model).__name__} is of a kind whose latents are not known here")
    stream = Stream(x.shape[3], x.shape[2], bytes(16), 0, tuple(sections))
    return Coded(torch.round(255 * model.g_s(y_hat).clamp(0, 1)) / 255, write_stream(stream))


def _predict(
    model: Hyperprior | Contextual, y: Tensor, z_hat: Tensor, gain: Tensor, level: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The latent that is decoded, scales and means, all of y's shape."""
    quantise = residual_rounding if level is None else partial(_levels_of(model).quantise, gain=gain)
    if isinstance(model, Contextual):
        bias = None if level is None else _levels_of(model).context_bias(gain)
        return code_latent(model.context_groups(), y, model.hyper_features(z_hat, y), quantise, bias)
    scales, means = model.hyper_synthesis(z_hat)
    means = torch.zeros_like(y) if means is None else means
    return quantise(y, scales, means), scales, means


def _levels_of(model: CompressionModel) -> VariableRate:
    if not isinstance(model, VariableRate):
        raise TypeError(f"{model.arch} has one rate, and no levels")
    return model


def _prior_section(kind: int, values: Tensor, prior: EntropyBottleneck) -> Section:
    """The section of a latent [1, channels, height, width] whose channels have one table each."""
    channels = torch.arange(values.shape[1], dtype=torch.int32, device=values.device)[:, None, None]
    symbols = torch.round(values - prior.medians[:, None, None])
    return _section(kind, symbols, channels.expand_as(values), prior)


def _section(kind: int, symbols: Tensor, indexes: Tensor, model: EntropyModel) -> Section:
    lanes = lanes_for(symbols.numel())
    flat = (values.cpu().numpy().ravel().astype(np.int32) for values in (symbols, indexes))
    return Section(kind, lanes, encode(*flat, CdfTables(*model.tables()), lanes))
