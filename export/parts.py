"""What the exporter needs of a model: its networks and tables, whatever class they came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from licrt.trainer.models import CompressionModel

Int = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Tables:
    """Frequency tables as CompressAI's three buffers: cdf `[tables, longest]`, lengths and offsets `[tables]`, int32."""

    cdf: Int
    lengths: Int
    offsets: Int


@dataclass(frozen=True)
class Parts:
    """A codec taken apart. All modules are in evaluation mode.

    Attributes:
        analysis, synthesis: picture `[1, 3, H, W]` in 0…1 to latent `[1, M, H/stride, W/stride]`, and back.
        hyper_analysis, hyper_synthesis: latent to hyper-latent, hyper-latent to scales or (scales, means); None in
            factorised models.
        absolute: the hyper-analysis sees |latent| (Ballé et al. 2018).
        prior, medians: tables and float64 medians `[channels]` of the hyper-latent, or of a factorised latent.
        gaussian, scale_table: tables of the latent and their scales; None in factorised models.
    """

    analysis: nn.Module
    synthesis: nn.Module
    hyper_analysis: nn.Module | None
    hyper_synthesis: nn.Module | None
    absolute: bool
    prior: Tables
    medians: npt.NDArray[np.float64]
    gaussian: Tables | None
    scale_table: npt.NDArray[np.float64] | None

    def latent(self, picture: torch.Tensor) -> torch.Tensor:
        """Run the analysis."""
        latent: torch.Tensor = self.analysis(picture)
        return latent

    def hyper_latent(self, latent: torch.Tensor) -> torch.Tensor:
        """Run the hyper-analysis."""
        if self.hyper_analysis is None:
            raise TypeError("a factorised model has no hyper-analysis")
        hyper: torch.Tensor = self.hyper_analysis(latent.abs() if self.absolute else latent)
        return hyper

    def quantised_hyper_latent(self, latent: torch.Tensor) -> torch.Tensor:
        """Run the hyper-analysis and quantise its output around the medians, as CompressAI does."""
        medians = torch.from_numpy(self.medians).float()[None, :, None, None]
        return torch.round(self.hyper_latent(latent) - medians) + medians


def parts_of(model: CompressionModel) -> Parts:
    """Take one of the trainer's models apart.

    Args:
        model: a model whose tables are there (`update()` was called, or they came with the checkpoint).
    """
    model.eval()
    hyper = getattr(model, "h_a", None) is not None
    bottleneck = model.entropy_bottleneck
    conditional = model.gaussian_conditional if hyper else None
    return Parts(
        analysis=model.g_a,
        synthesis=model.g_s,
        hyper_analysis=model.h_a if hyper else None,
        hyper_synthesis=model.h_s if hyper else None,
        absolute=hyper and model.hyper_analysis_sees_magnitude,
        prior=_tables(bottleneck),
        medians=bottleneck.quantiles.detach().double().numpy()[:, 0, 1],
        gaussian=_tables(conditional) if conditional is not None else None,
        scale_table=conditional.scale_table.detach().double().numpy() if conditional is not None else None,
    )


def _tables(model: nn.Module) -> Tables:
    names = ("_quantized_cdf", "_cdf_length", "_offset")
    return Tables(*(getattr(model, name).detach().to(torch.int32).numpy() for name in names))
