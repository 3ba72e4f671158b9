"""The float model that a bundle is made from: networks, tables and sizes, checked, whatever class they came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from licrt.export.context_groups import checked_groups
from licrt.export.parts import Parts, parts_of
from licrt.export.sizes import hyper_sizes, sizes
from licrt.export.tables import Tables, fill_tables, medians_of, scales_of, tables_of
from licrt.runtime.errors import ModelError
from licrt.trainer.entropy_models import GaussianConditional
from licrt.trainer.integers.layers import ending_in_a_convolution
from licrt.trainer.integers.ranges import EntropyPath

if TYPE_CHECKING:
    from licrt.export.parts import VariableRate
    from licrt.trainer.integers.stored import StoredRanges
    from licrt.trainer.models.context import ContextGroup

Float = npt.NDArray[np.float64]

RATE_POINTS = 64  # of a variable-rate model's grid of gains


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
        stride: latent samples per hyper-latent sample.
        absolute: the analysis sees |latent| (Ballé et al. 2018).
        means_first: the synthesis gives means and scales, in this order.
        gaussian, scale_table: tables of the latent, and their scales in float64.
        groups: the context model, channel group by channel group; empty where there is none.
        rates: None for models with one rate.
    """

    analysis: nn.Module
    synthesis: nn.Module
    stride: int
    absolute: bool
    means_first: bool
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
class FloatModel:
    """A codec in floats. All modules are in evaluation mode.

    Attributes:
        analysis, synthesis: picture `[1, 3, H, W]` in 0…1 to latent `[1, M, H/stride, W/stride]`, and back.
        prior, medians: tables and float64 medians `[channels]` of the hyper-latent, or of a factorised latent.
        hyper: what makes a hyper-prior codec of it; None in factorised models.
        stride: pixels per latent sample.
        latent_channels: M.
        trained_integers: widths and ranges that the entropy path was trained with, if it was trained in integers.
    """

    analysis: nn.Module
    synthesis: nn.Module
    prior: Tables
    medians: Float
    hyper: HyperPrior | None
    stride: int
    latent_channels: int
    trained_integers: StoredRanges | None = None

    def entropy_path(self) -> EntropyPath:
        """Return what becomes integers."""
        if self.hyper is None:
            raise TypeError("a factorised model has no networks in its entropy path")
        hyper, rates = self.hyper, self.hyper.rates
        bias = rates.context_bias if rates else None
        return EntropyPath(self.medians, hyper.synthesis, hyper.means_first, hyper.groups, bias)

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


@torch.no_grad()
def float_model(source: nn.Module | Parts) -> FloatModel:
    """Make the float model of a module or of parts; puts its modules into evaluation mode and fills missing tables.

    Raises:
        ModelError: a part is missing, of the wrong size or kind, or there is no way to fill its tables.
    """
    parts = parts_of(source)
    for name in ("g_a", "g_s", "entropy_bottleneck", "h_a", "h_s", "gaussian_conditional"):
        if (module := getattr(parts, name)) is not None:
            _prepare(name, module)
    fill_tables("entropy_bottleneck", parts.entropy_bottleneck)
    prior, medians = tables_of("entropy_bottleneck", parts.entropy_bottleneck), medians_of(parts.entropy_bottleneck)
    stride, channels = sizes(parts.g_a, parts.g_s)
    hyper = _hyper_prior(parts, channels, len(medians)) if parts.h_a or parts.h_s else None
    if hyper is None and len(medians) != channels:
        raise ModelError(f"g_a gives {channels} channels, but entropy_bottleneck is made for {len(medians)}")
    return FloatModel(parts.g_a, parts.g_s, prior, medians, hyper, stride, channels, parts.integers)


def _hyper_prior(parts: Parts, latent_channels: int, hyper_channels: int) -> HyperPrior:
    if parts.h_a is None or parts.h_s is None:
        raise ModelError(f"the model has no {'h_a' if parts.h_a is None else 'h_s'}; a hyper-prior has both")
    conditional = parts.gaussian_conditional or GaussianConditional()
    fill_tables("gaussian_conditional", conditional)
    gaussian, scale_table = tables_of("gaussian_conditional", conditional), scales_of(conditional)
    analysis, stride, features = hyper_sizes(parts.h_a, parts.h_s, latent_channels, hyper_channels)
    if not parts.context and features not in (latent_channels, 2 * latent_channels):
        raise ModelError(
            f"h_s gives {features} channels for a latent of {latent_channels}; expected {latent_channels} scales, or "
            f"{2 * latent_channels} scales and means. With a context model, name it: Parts(context=…)"
        )
    only_scales = not parts.context and features == latent_channels
    return HyperPrior(
        analysis=analysis,
        synthesis=ending_in_a_convolution(parts.h_s, "h_s", keep_activation=only_scales),
        stride=stride,
        absolute=parts.hyper_analysis_sees_magnitude,
        means_first=parts.means_first and not parts.context and not only_scales,
        gaussian=gaussian,
        scale_table=scale_table,
        groups=checked_groups(parts.context or (), features, latent_channels),
        rates=_rate_grid(parts.rates, scale_table) if parts.rates else None,
    )


def _prepare(name: str, module: nn.Module) -> None:
    """Put a module into evaluation mode; it must be of a kind that export can run."""
    for key, tensor in module.eval().state_dict().items():
        if tensor.device.type != "cpu" or (tensor.is_floating_point() and tensor.dtype != torch.float32):
            raise ModelError(
                f"{name}.{key} is {tensor.dtype} on {tensor.device}; export needs float32 on the CPU. "
                "Call .cpu().float() on the model"
            )
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ModelError(f"{name}.{key} has values that are not finite; the training diverged")


def _rate_grid(rates: VariableRate, scale_table: Float) -> RateGrid:
    """Spread the points evenly over the logarithm of the trained gains."""
    trained = rates.gains.detach().double().numpy()
    if trained.ndim != 1 or len(trained) < 2 or not np.all(np.diff(trained, prepend=0) > 0):
        raise ModelError("the gains of a variable-rate model are two numbers or more, ascending from above 0")
    gains = np.geomspace(trained[0], trained[-1], RATE_POINTS)
    # A table serves the scales from the entry before it to its own; the learnt offset is taken in their middle.
    middles = np.concatenate([scale_table[:1], np.sqrt(scale_table[1:] * scale_table[:-1])])
    scales = torch.from_numpy(middles).float()
    points = [torch.tensor(gain).float() for gain in gains]
    offsets = np.stack([rates.reconstruction_offset(scales, gain).double().numpy() for gain in points])
    biases = [rates.context_bias(gain) for gain in points]
    known = [each.double().numpy() for each in biases if each is not None]
    return RateGrid(gains, offsets, np.stack(known) if known else None)
