"""The entropy path in floats, as CompressAI runs it: what integers are measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from licrt.trainer.models.context import code_latent

if TYPE_CHECKING:
    from licrt.export.float_model import FloatModel, HyperPrior


@dataclass(frozen=True)
class Coded:
    """A latent as the float model codes it: whole-numbered `symbols`, table `indexes` and `y_hat`, each `[M, h, w]`."""

    symbols: torch.Tensor
    indexes: torch.Tensor
    y_hat: torch.Tensor


@torch.inference_mode()
def code(model: FloatModel, latent: torch.Tensor, point: int = 0) -> Coded:
    """Quantise a latent with the scales and means that the float model predicts.

    Args:
        model: a hyper-prior model.
        latent: float32 `[1, M, h, w]`, the analysis of a picture.
        point: rate point of a variable-rate model.
    """
    hyper = model.hyper
    if hyper is None:
        raise TypeError("a factorised model has no scales to predict")
    height, width = latent.shape[2:]
    features = hyper.synthesis(model.hyper_latent(latent))[..., :height, :width]

    def quantise(y: torch.Tensor, scales: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
        return _reconstruct(hyper, point, _symbols(hyper, point, y, means), scales, means)

    if hyper.groups:
        _, scales, means = code_latent(hyper.groups, latent, features, quantise, hyper.context_bias(point))
    else:
        channels = latent.shape[1]
        scales, means = features[:, :channels], features[:, channels:]
        if hyper.means_first:
            scales, means = means, scales
        means = means if means.shape[1] else torch.zeros_like(latent)
    symbols = _symbols(hyper, point, latent, means)
    y_hat = _reconstruct(hyper, point, symbols, scales, means)
    return Coded(symbols[0], _indexes(hyper, point, scales)[0], y_hat[0])


def _symbols(hyper: HyperPrior, point: int, y: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
    return torch.round((y - means) * hyper.gain(point))


def _indexes(hyper: HyperPrior, point: int, scales: torch.Tensor) -> torch.Tensor:
    """Index of the smallest table entry that is at least the scale; the last entry takes everything above."""
    table = torch.from_numpy(hyper.scale_table).float()
    return torch.bucketize(scales * hyper.gain(point), table[:-1])


def _reconstruct(
    hyper: HyperPrior, point: int, symbols: torch.Tensor, scales: torch.Tensor, means: torch.Tensor
) -> torch.Tensor:
    if hyper.rates is None:
        return symbols + means
    offsets = torch.from_numpy(hyper.rates.offsets[point]).float()[_indexes(hyper, point, scales)]
    magnitude = torch.where(symbols == 0, symbols, (symbols.abs() + offsets).clamp(min=0))
    return torch.sign(symbols) * magnitude / hyper.gain(point) + means
