"""What the exporter needs of a model: its networks and tables, whatever class they came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from licrt.trainer.models.hyperprior import Hyperprior

if TYPE_CHECKING:
    from licrt.trainer.models import CompressionModel

Int = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Tables:
    """Frequency tables as CompressAI's buffers: cdf `[tables, longest]`, lengths and offsets `[tables]`, int32."""

    cdf: Int
    lengths: Int
    offsets: Int


@dataclass(frozen=True)
class HyperPrior:
    """The networks and tables that a hyper-prior adds.

    Attributes:
        analysis, synthesis: latent to hyper-latent; hyper-latent to scales, or to scales and means.
        absolute: the analysis sees |latent| (Ballé et al. 2018).
        gaussian, scale_table: tables of the latent, and their scales in float64.
    """

    analysis: nn.Module
    synthesis: nn.Module
    absolute: bool
    gaussian: Tables
    scale_table: npt.NDArray[np.float64]

    def latent(self, latent: torch.Tensor) -> torch.Tensor:
        """Run the hyper-analysis on a latent."""
        hyper: torch.Tensor = self.analysis(latent.abs() if self.absolute else latent)
        return hyper


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
    medians: npt.NDArray[np.float64]
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
    if isinstance(model, Hyperprior):
        hyper = HyperPrior(
            analysis=model.h_a,
            synthesis=model.h_s,
            absolute=model.hyper_analysis_sees_magnitude,
            gaussian=_tables(model.gaussian_conditional),
            scale_table=model.gaussian_conditional.scale_table.detach().double().numpy(),
        )
    medians = model.entropy_bottleneck.quantiles.detach().double().numpy()[:, 0, 1]
    return Parts(model.g_a, model.g_s, _tables(model.entropy_bottleneck), medians, hyper)


def _tables(model: nn.Module) -> Tables:
    names = ("_quantized_cdf", "_cdf_length", "_offset")
    return Tables(*(getattr(model, name).detach().to(torch.int32).numpy() for name in names))
