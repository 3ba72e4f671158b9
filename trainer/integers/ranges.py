"""The ranges that the values of an entropy path have, on pictures; formats follow from them and from the weights."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from licrt.trainer.integers.layers import FloatLayer, Step, float_layer, steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from licrt.trainer.models.context import ContextGroup

Float = npt.NDArray[np.float64]
Limits = tuple[torch.Tensor, torch.Tensor]  # smallest and largest output of each channel, `[out]`


@dataclass(frozen=True)
class EntropyPath:
    """The networks of a hyper-prior model that a decoder runs before it knows a latent.

    Attributes:
        medians: float64 `[N]`, of the hyper-latent.
        synthesis: hyper-latent to scales, to scales and means, or to the features of a context model.
        means_first: the synthesis gives means and scales, in this order.
        groups: the context model, channel group by channel group; empty where there is none.
        context_bias: float64 `[P, features]`, what each rate point adds to the spatial features, or None.
    """

    medians: Float
    synthesis: nn.Module
    means_first: bool
    groups: tuple[ContextGroup, ...] = ()
    context_bias: Float | None = None


@dataclass(frozen=True)
class GroupRanges:
    """The float layers of one channel group of a context model, with their ranges."""

    channel: list[FloatLayer]
    spatial: FloatLayer | None
    parameters: list[FloatLayer]


@dataclass(frozen=True)
class Ranges:
    """What calibration saw.

    Attributes:
        hyper: layers of the hyper-synthesis.
        hyper_peak: largest magnitude of the quantised hyper-latent.
        latent_peak: float64 `[M]`, largest magnitude of each channel of the latent.
        groups: of the context model; empty where there is none.
    """

    hyper: list[FloatLayer]
    hyper_peak: float
    latent_peak: Float
    groups: list[GroupRanges]

    def layers(self) -> list[FloatLayer]:
        """Return all layers in one list, in the order of `PathSteps.every`."""
        found = [*self.hyper]
        for group in self.groups:
            found += [*group.channel, *([group.spatial] if group.spatial else []), *group.parameters]
        return found


@dataclass(frozen=True)
class PathSteps:
    """The layers of an entropy path.

    Attributes:
        hyper: of the hyper-synthesis.
        groups: of each group's channel context, spatial context and parameters.
    """

    hyper: list[Step]
    groups: list[tuple[list[Step], list[Step], list[Step]]]

    def every(self) -> list[Step]:
        """Return all of them in one list."""
        return [*self.hyper, *(step for group in self.groups for part in group for step in part)]

    def ranges(
        self, seen: Mapping[nn.Module, Limits], hyper_peak: float, latent_peak: Float, *, settled: bool = False
    ) -> Ranges:
        """Describe every layer, whose convolutions were seen to give so much, or were trained to (`settled`)."""

        def described(found: list[Step]) -> list[FloatLayer]:
            return [float_layer(step, *seen[step.convolution], settled=settled) for step in found]

        groups = [
            GroupRanges(described(channel), next(iter(described(spatial)), None), described(parameters))
            for channel, spatial, parameters in self.groups
        ]
        return Ranges(described(self.hyper), hyper_peak, latent_peak, groups)


def path_steps(path: EntropyPath) -> PathSteps:
    """List the layers of an entropy path.

    Raises:
        ModelError: there is a layer that integer networks do not have.
    """
    return PathSteps(steps(path.synthesis, "h_s"), [group_steps(*each) for each in enumerate(path.groups)])


def group_steps(number: int, group: ContextGroup) -> tuple[list[Step], list[Step], list[Step]]:
    """List the layers of a group's channel context, of its spatial context, and of its parameters."""
    name = f"context[{number}]"
    channel = steps(group.channel_context, f"{name}.channel_context") if group.channel_context else []
    spatial = steps(group.spatial_context, f"{name}.spatial_context") if group.spatial_context else []
    return channel, spatial, steps(group.parameters, f"{name}.parameters")


@torch.no_grad()
def calibrate(path: EntropyPath, latents: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> Ranges:
    """Run the float networks over latents and record the range of every channel of every layer.

    Context networks see the latents themselves, not what quantisation makes of them: that differs by half a step at
    most, needs no coding in order, and does not jump where the last bit of a float sum decides a rounding.

    Args:
        path: the networks.
        latents: y `[1, M, h, w]` and the quantised hyper-latent `[1, N, h/4, w/4]` of each picture.

    Raises:
        ModelError: there is a layer that integer networks do not have.
    """
    found = path_steps(path)
    hyper_peaks: list[float] = []
    latent_peaks: list[torch.Tensor] = []
    with _recording(found.every()) as seen:
        for latent, z_hat in latents:
            features = path.synthesis(z_hat)[..., : latent.shape[2], : latent.shape[3]]
            if path.groups:
                _run_groups(path, latent, features)
            hyper_peaks.append(float(z_hat.abs().max()))
            latent_peaks.append(latent.abs().amax((0, 2, 3)))
    return found.ranges(seen, max(hyper_peaks), torch.stack(latent_peaks).amax(0).double().cpu().numpy())


def _run_groups(path: EntropyPath, y: torch.Tensor, features: torch.Tensor) -> None:
    latents = torch.split(y, [group.channels for group in path.groups], dim=1)
    for group, own in zip(path.groups, latents, strict=True):
        channel = None
        if group.channel_context is not None:
            channel = group.channel_context(torch.cat([latents[source] for source in group.sources], dim=1))
        for spatial in _spatial_features(path, group, own):
            group.predict(features, channel, spatial)


def _spatial_features(path: EntropyPath, group: ContextGroup, own: torch.Tensor) -> list[torch.Tensor | None]:
    """Return every kind of spatial features that the parameters may see."""
    if group.spatial_context is None:
        return [None]
    features = group.spatial_context(own)
    found = [features]
    if path.context_bias is not None:
        ends = torch.from_numpy(path.context_bias[[0, -1]]).float()
        found = [features + bias[:, None, None] for bias in ends]
    return [*found, torch.zeros_like(features)] if group.order == "checkerboard" else [*found]


@contextmanager
def _recording(found: list[Step]) -> Iterator[dict[nn.Module, Limits]]:
    """Collect the smallest and the largest output of each channel of each convolution while it is run."""
    seen: dict[nn.Module, Limits] = {}

    def record(module: nn.Module, _: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        low, high = output.amin((0, 2, 3)), output.amax((0, 2, 3))
        if module in seen:
            low, high = torch.minimum(low, seen[module][0]), torch.maximum(high, seen[module][1])
        seen[module] = low, high

    hooks = [step.convolution.register_forward_hook(record) for step in found]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
