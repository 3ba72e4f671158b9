"""What a float codec codes: symbols, table indexes and the latent of one picture, by the trainer's models."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from licrt.trainer.models.context import code_latent
from licrt.trainer.models.contextual import Contextual
from licrt.trainer.models.variable_rate import VariableRate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from licrt.trainer.models import CompressionModel


class Coded(NamedTuple):
    """Symbols and table indexes, int32 [M, h, w], and the reconstruction, float32 [1, M, h, w]."""

    symbols: NDArray[np.int32]
    indexes: NDArray[np.int32]
    y_hat: torch.Tensor

    def escapes(self, model: CompressionModel) -> int:
        """Number of symbols outside their table."""
        _, lengths, offsets = model.gaussian_conditional.tables()
        place = self.symbols - offsets[self.indexes]
        return int(np.sum((place < 0) | (place >= lengths[self.indexes] - 2)))


@torch.no_grad()
def code(model: CompressionModel, x: torch.Tensor, s: int | None = None) -> Coded:
    """Codes x, float [1, 3, height, width]; ``s`` is the level of a variable-rate model."""
    y = model.g_a(x)
    z = model.h_a(y.abs() if model.hyper_analysis_sees_magnitude else y)
    z_hat = model.entropy_bottleneck.straight_through(z)
    gain, quantise, bias = torch.tensor(1.0), None, None
    if isinstance(model, VariableRate):
        assert s is not None
        gain = model.gains[s]
        bias = model.context_bias(gain)
        quantise = lambda *latent: model.quantise(*latent, gain)  # noqa: E731
    if isinstance(model, Contextual):
        hyper = model.hyper_features(z_hat, y)
        options = {} if quantise is None else {"quantise": quantise, "context_bias": bias}
        y_hat, scales, means = code_latent(model.context_groups(), y, hyper, **options)
    else:
        scales, means = (
            None if part is None else part[..., : y.shape[2], : y.shape[3]] for part in model.hyper_synthesis(z_hat)
        )
        means = torch.zeros_like(scales) if means is None else means
        y_hat = torch.round(y - means) + means if quantise is None else quantise(y, scales, means)
    symbols = torch.round((y - means) * gain)
    indexes = model.gaussian_conditional.build_indexes(scales * gain)
    return Coded(symbols[0].int().numpy(), indexes[0].numpy(), y_hat)
