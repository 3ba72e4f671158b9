"""A codec's parts, as people have them: torch modules by the names of the literature, and what no module tells.

:class:`Parts` says it in full. :func:`parts_of` finds it in a module whose attributes have these names, as those of
CompressAI and of :mod:`licrt.trainer` do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import nn

from licrt.export.conventions import watch
from licrt.export.tables import fill_tables
from licrt.runtime.context import undecoded_taps
from licrt.runtime.errors import ModelError
from licrt.trainer.integers.convolutions import is_masked
from licrt.trainer.integers.stored import STORED
from licrt.trainer.models.context import ContextGroup

if TYPE_CHECKING:
    from torch import Tensor

    from licrt.trainer.integers.stored import StoredRanges


class VariableRate(Protocol):
    """What makes a model one of many rates, as `licrt.trainer.models.variable_rate.VariableRate` has it.

    A latent y with mean m is coded at a gain g as ``q = round((y - m) * g)``, and becomes
    ``m + sign(q) * (|q| + offset) / g``, and m where q is 0.
    """

    @property
    def gains(self) -> Tensor:
        """Gains that were trained, float `[levels]`, ascending, above 0."""

    def reconstruction_offset(self, stdev: Tensor, gain: Tensor) -> Tensor:
        """Return the offset, of the shape of `stdev`, which is the scale times the gain; `gain` is a scalar."""

    def context_bias(self, gain: Tensor) -> Tensor | None:
        """Return what is added to the spatial features at a gain, `[features]`, or None for nothing."""


@dataclass(frozen=True)
class Parts:
    """A codec's networks and entropy models.

    Attributes:
        g_a, g_s: analysis and synthesis: picture `[batch, 3, height, width]` in 0…1 to latent y and back.
        entropy_bottleneck: prior of the hyper-latent z, or of y where there is no hyper-latent; CompressAI's or
            licrt's, or anything with their attributes `quantiles`, `_quantized_cdf`, `_cdf_length`, `_offset`, and
            `update()`.
        h_a, h_s: hyper-analysis and hyper-synthesis. `h_s` gives the scales of y, its scales and means side by side
            along the channels, or the features of a context model, from the dequantised z.
        gaussian_conditional: tables of y for `scale_table`; None for the usual 64 scales from 0.11 to 256.
        context: the context model, channel group by channel group; None or empty where there is none.
        hyper_analysis_sees_magnitude: `h_a` reads |y| instead of y (Ballé et al. 2018).
        means_first: `h_s` gives means and scales, in this order; for context models, each group says it.
        rates: of a variable-rate model.
        integers: the ranges that the model was trained with in integers (`licrt.trainer.integer_aware`), if it was.
    """

    g_a: nn.Module
    g_s: nn.Module
    entropy_bottleneck: nn.Module
    h_a: nn.Module | None = None
    h_s: nn.Module | None = None
    gaussian_conditional: nn.Module | None = None
    context: tuple[ContextGroup, ...] | None = None
    hyper_analysis_sees_magnitude: bool = False
    means_first: bool = False
    rates: VariableRate | None = None
    integers: StoredRanges | None = None


def parts_of(model: nn.Module | Parts) -> Parts:
    """Find the parts of a model.

    What a model's attributes `hyper_analysis_sees_magnitude` and `means_first` do not say is seen from a run of its
    `forward` on a random picture, which must then do with these parts what a runtime will.

    Args:
        model: a module with `g_a`, `g_s`, `entropy_bottleneck`, and with a hyper-prior `h_a`, `h_s`,
            `gaussian_conditional`. With a context model, it has a method `context_groups()`, or `context_prediction`
            and `entropy_parameters` as in CompressAI's `JointAutoregressiveHierarchicalPriors`. With rates, it is a
            `VariableRate`. Parts come back as they are.

    Raises:
        ModelError: an attribute is missing, or the model's forward does something else with its parts.
    """
    if isinstance(model, Parts):
        return model
    kind = type(model).__name__
    lacking = [name for name in ("g_a", "g_s", "entropy_bottleneck") if not _has(model, name)]
    if _has(model, "h_a") or _has(model, "h_s"):
        lacking += [name for name in ("h_a", "h_s", "gaussian_conditional") if not _has(model, name)]
    if lacking:
        raise ModelError(
            f"{kind} has no {', '.join(lacking)}; expected modules g_a, g_s, entropy_bottleneck, and for a hyper-prior "
            "h_a, h_s, gaussian_conditional. Describe it with licrt.export.Parts"
        )
    if not _has(model, "h_a"):
        return Parts(model.g_a, model.g_s, model.entropy_bottleneck)
    context, magnitude, means_first = _conventions(model)
    rated = _has(model, "gains") and _has(model, "reconstruction_offset")
    return Parts(
        model.g_a,
        model.g_s,
        model.entropy_bottleneck,
        model.h_a,
        model.h_s,
        model.gaussian_conditional,
        context,
        magnitude,
        means_first,
        model if rated else None,
        getattr(model, STORED, None),
    )


def _conventions(model: nn.Module) -> tuple[tuple[ContextGroup, ...], bool, bool]:
    """Return the context model, whether the hyper-analysis sees |y|, and whether h_s gives means first."""
    magnitude, means_first = (getattr(model, name, None) for name in ("hyper_analysis_sees_magnitude", "means_first"))
    if _has(model, "context_groups"):
        if magnitude is None:
            raise ModelError(
                f"{type(model).__name__} has context_groups(), but not hyper_analysis_sees_magnitude; set it to True "
                "if h_a reads |y|, else to False"
            )
        return model.context_groups(), magnitude, False
    autoregressive = _has(model, "entropy_parameters")
    if not autoregressive and magnitude is not None and means_first is not None:
        return (), magnitude, means_first
    seen = watch(model)
    if not autoregressive:
        return (), seen.magnitude, seen.means_first
    if not _is_causal(model.context_prediction):
        raise ModelError(
            f"{type(model).__name__}.context_prediction is no masked convolution that sees only what lies before in "
            "raster order; describe the model with licrt.export.Parts(context=…)"
        )
    group = ContextGroup(
        channels=seen.latent_channels,
        order="wavefront",
        sources=(),
        channel_context=None,
        spatial_context=model.context_prediction,
        parameters=model.entropy_parameters,
        inputs=seen.context_inputs,
        means_first=seen.means_first,
    )
    return (group,), seen.magnitude, False


def _is_causal(layer: nn.Module) -> bool:
    if not isinstance(layer, nn.Conv2d) or not is_masked(layer) or layer.kernel_size[0] != layer.kernel_size[1]:
        return False
    unseen = torch.from_numpy(undecoded_taps("wavefront", layer.kernel_size[0]))
    return not layer.mask[..., unseen].any()  # type: ignore[index, union-attr]


def update_tables(parts: Parts) -> None:
    """Have the entropy models compute their tables anew.

    Raises:
        ModelError: one of them cannot.
    """
    fill_tables("entropy_bottleneck", parts.entropy_bottleneck, force=True)
    if parts.gaussian_conditional is not None:
        fill_tables("gaussian_conditional", parts.gaussian_conditional, force=True)


def _has(model: nn.Module, name: str) -> bool:
    return getattr(model, name, None) is not None
