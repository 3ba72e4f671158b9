"""What the exporter needs of a model: its networks and tables, whatever class they came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from licrt.trainer.models.contextual import Contextual
from licrt.trainer.models.hyperprior import Hyperprior
from licrt.trainer.models.variable_rate import VariableRate

if TYPE_CHECKING:
    from licrt.trainer.models import CompressionModel
    from licrt.trainer.models.context import ContextGroup

Int = npt.NDArray[np.int32]
Float = npt.NDArray[np.float64]

RATE_POINTS = 64  # of a variable-rate model's grid of gains


@dataclass(frozen=True)
class Tables:
    """Frequency tables as CompressAI's buffers: cdf `[tables, longest]`, lengths and offsets `[tables]`, int32."""

    cdf: Int
    lengths: Int
    offsets: Int


@dataclass(frozen=True)
class RateGrid:
    """What changes with the rate of a variable-rate model, at each of its P points.

    Attributes:
        gains: float64 `[P]`, ascending: the symbol is `round((y - mean) * gain)`.
        offsets: float64 `[P, tables]`, what the reconstruction adds to the magnitude of a symbol that is not 0.
        context_bias: float64 `[P, features]` added to the spatial features, or None.
    """

    gains: Float
    offsets: Float
    context_bias: Float | None


@dataclass(frozen=True)
class HyperPrior:
    """The networks and tables that a hyper-prior adds.

    Attributes:
        analysis, synthesis: latent to hyper-latent; hyper-latent to scales, to scales and means, or to the features of
            a context model.
        absolute: the analysis sees |latent| (Ballé et al. 2018).
        gaussian, scale_table: tables of the latent, and their scales in float64.
        groups: the context model, channel group by channel group; empty where there is none.
        rates: None for models with one rate.
    """

    analysis: nn.Module
    synthesis: nn.Module
    absolute: bool
    gaussian: Tables
    scale_table: Float
    groups: tuple[ContextGroup, ...] = ()
    rates: RateGrid | None = None

    def latent(self, latent: torch.Tensor) -> torch.Tensor:
        """Run the hyper-analysis on a latent."""
        hyper: torch.Tensor = self.analysis(latent.abs() if self.absolute else latent)
        return hyper

    @property
    def points(self) -> int:
        """Number of rate points."""
        return len(self.rates.gains) if self.rates else 1

    def gain(self, point: int) -> float:
        """Gain of a rate point; 1 in models with one rate."""
        return float(self.rates.gains[point]) if self.rates else 1.0

    def context_bias(self, point: int) -> torch.Tensor | None:
        """Return what a rate point adds to the spatial features, float32 `[features]`, or None."""
        if self.rates is None or self.rates.context_bias is None:
            return None
        return torch.from_numpy(self.rates.context_bias[point]).float()


@dataclass(frozen=True)
class Parts:
    """A codec taken apart. All modules are in evaluation mode.

    Attributes:
        analysis, synthesis: picture `[1, 3, H, W]` in 0…1 to latent `[1, M, H/stride, W/stride]`, and back.
        prior, medians: tables and float64 medians `[channels]` of the hyper-latent, or of a factorised latent.
        hyper: what makes a hyper-prior codec of it; None in factorised models.
    """

    analysis: nn.Module
    synthesis: nn.Module
    prior: Tables
    medians: Float
    hyper: HyperPrior | None

    def hyper_symbols(self, latent: torch.Tensor) -> torch.Tensor:
        """Run the hyper-analysis and quantise its output around the medians; whole numbers `[1, N, …]`."""
        if self.hyper is None:
            raise TypeError("a factorised model has no hyper-latent")
        return torch.round(self.hyper.latent(latent) - self._medians())

    def hyper_latent(self, latent: torch.Tensor) -> torch.Tensor:
        """Return the hyper-latent that a decoder obtains, in floats, as CompressAI does."""
        return self.hyper_symbols(latent) + self._medians()

    def _medians(self) -> torch.Tensor:
        return torch.from_numpy(self.medians).float()[None, :, None, None]


def parts_of(model: CompressionModel) -> Parts:
    """Take one of the trainer's models apart.

    Args:
        model: a model whose tables are there (`update()` was called, or they came with the checkpoint).
    """
    model.eval()
    hyper = None
    if isinstance(model, Hyperprior | Contextual):
        scale_table = model.gaussian_conditional.scale_table.detach().double().numpy()
        hyper = HyperPrior(
            analysis=model.h_a,
            synthesis=model.h_s,
            absolute=model.hyper_analysis_sees_magnitude,
            gaussian=_tables(model.gaussian_conditional),
            scale_table=scale_table,
            groups=model.context_groups() if isinstance(model, Contextual) else (),
            rates=_rate_grid(model, scale_table) if isinstance(model, VariableRate) else None,
        )
    medians = model.entropy_bottleneck.quantiles.detach().double().numpy()[:, 0, 1]
    return Parts(model.g_a, model.g_s, _tables(model.entropy_bottleneck), medians, hyper)


@torch.no_grad()
def _rate_grid(model: VariableRate, scale_table: Float) -> RateGrid:
    """Spread the points evenly over the logarithm of the trained gains."""
    trained = model.gains.double().numpy()
    gains = np.geomspace(trained[0], trained[-1], RATE_POINTS)
    # A table serves the scales from the entry before it to its own; the learnt offset is taken in their middle.
    middles = np.concatenate([scale_table[:1], np.sqrt(scale_table[1:] * scale_table[:-1])])
    scales = torch.from_numpy(middles).float()
    points = [torch.tensor(gain).float() for gain in gains]
    offsets = np.stack([model.reconstruction_offset(scales, gain).double().numpy() for gain in points])
    biases = [model.context_bias(gain) for gain in points]
    known = [each.double().numpy() for each in biases if each is not None]
    return RateGrid(gains, offsets, np.stack(known) if known else None)


def _tables(model: nn.Module) -> Tables:
    names = ("_quantized_cdf", "_cdf_length", "_offset")
    return Tables(*(getattr(model, name).detach().to(torch.int32).numpy() for name in names))
