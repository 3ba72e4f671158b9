"""The groups of a context model, checked before anything is run: what a user described may be anything."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from licrt.runtime.context import ORDERS, undecoded_taps
from licrt.runtime.errors import ModelError
from licrt.trainer.integers.convolutions import Convolution, effective_weight, is_masked
from licrt.trainer.integers.layers import ending_in_a_convolution, steps
from licrt.trainer.integers.ranges import group_steps
from licrt.trainer.layers import MaskedConvolution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licrt.trainer.models.context import ContextGroup

_SPATIAL_KERNELS = (3, 5)


def checked_groups(
    groups: Sequence[ContextGroup], feature_channels: int, latent_channels: int
) -> tuple[ContextGroup, ...]:
    """Return groups whose spatial layers are licrt's and whose channel networks end in a convolution.

    Args:
        groups: as a user gave them.
        feature_channels: what the hyper-synthesis gives.
        latent_channels: M.

    Raises:
        ModelError: a group cannot be coded as it is described; names it.
    """
    if groups and sum(group.channels for group in groups) != latent_channels:
        raise ModelError(
            f"the context's groups have {' + '.join(str(group.channels) for group in groups)} channels; "
            f"expected {latent_channels} together, as the latent has"
        )
    return tuple(_checked(groups, number, feature_channels) for number in range(len(groups)))


def _checked(groups: Sequence[ContextGroup], number: int, feature_channels: int) -> ContextGroup:
    group, name = groups[number], f"context[{number}]"
    if group.order not in ORDERS:
        raise ModelError(f"{name}: order is {group.order!r}, expected one of {', '.join(ORDERS)}")
    if (group.spatial_context is None) != (group.order == "whole"):
        raise ModelError(f"{name}: orders wavefront and checkerboard have a spatial_context, and order whole has none")
    if (group.channel_context is None) != (not group.sources):
        raise ModelError(f"{name}: a channel_context needs sources, and sources need a channel_context")
    if list(group.sources) != sorted(set(group.sources) & set(range(number))):
        raise ModelError(f"{name}: sources are {group.sources}; expected numbers of groups before it, ascending")
    present = {"hyper"} | ({"channel"} if group.sources else set()) | ({"spatial"} if group.spatial_context else set())
    if sorted(group.inputs) != sorted(present):
        raise ModelError(f"{name}: inputs are {group.inputs}; expected {', '.join(sorted(present))} in some order")
    channel_context = group.channel_context
    if channel_context is not None:
        seen = sum(groups[source].channels for source in group.sources)
        channel_context = _checked_channel_context(channel_context, f"{name}.channel_context", seen)
    spatial = group.spatial_context
    if spatial is not None:
        spatial = _masked(spatial, f"{name}.spatial_context", group.channels, group.order)
    parameters = ending_in_a_convolution(group.parameters, f"{name}.parameters")
    checked = replace(group, channel_context=channel_context, spatial_context=spatial, parameters=parameters)
    _check_parameters(checked, number, feature_channels)
    return checked


def _checked_channel_context(network: nn.Module, name: str, channels: int) -> nn.Module:
    found = steps(network, name)
    for step in found:
        layer = step.convolution
        kept = not isinstance(layer, nn.ConvTranspose2d) and step.upscale == step.repeat == layer.stride[0] == 1
        if not kept or layer.kernel_size[0] % 2 == 0 or layer.padding not in ("same", _half(layer)):
            raise ModelError(f"{step.name}: expected a convolution that keeps the size: stride 1, an odd kernel")
    if found[0].convolution.in_channels != channels:
        raise ModelError(f"{name} reads {found[0].convolution.in_channels} channels; its sources have {channels}")
    return ending_in_a_convolution(network, name)


def _masked(layer: nn.Module, name: str, channels: int, order: str) -> MaskedConvolution:
    """Return licrt's masked convolution for anyone's."""
    if not isinstance(layer, nn.Conv2d) or not is_masked(layer):
        raise ModelError(
            f"{name}: {type(layer).__name__} is no masked convolution; expected a Conv2d with a buffer mask of its "
            "weight's shape, such as licrt.trainer.layers.MaskedConvolution or CompressAI's MaskedConv2d"
        )
    kernel = layer.kernel_size[0]
    if kernel not in _SPATIAL_KERNELS or layer.kernel_size != (kernel, kernel):
        raise ModelError(f"{name}: its kernel is {layer.kernel_size}; expected 3x3 or 5x5")
    if layer.stride != (1, 1) or layer.padding != _half(layer) or layer.groups != 1 or layer.dilation != (1, 1):
        raise ModelError(f"{name}: expected stride 1 and padding {kernel // 2}, without groups or dilation")
    if layer.in_channels != channels:
        raise ModelError(f"{name} reads {layer.in_channels} channels; its group has {channels}")
    if effective_weight(layer)[..., torch.from_numpy(undecoded_taps(order, kernel))].any():
        raise ModelError(f"{name}: its mask lets through latents that are not decoded yet in order {order}")
    with torch.random.fork_rng(devices=[]):
        masked = MaskedConvolution(layer.in_channels, layer.out_channels, torch.ones(kernel, kernel))
    masked.weight.data = effective_weight(layer).clone()
    masked.bias.data = torch.zeros(layer.out_channels) if layer.bias is None else layer.bias.detach().clone()
    return masked.eval()


def _half(layer: Convolution) -> tuple[int, ...]:
    return tuple(size // 2 for size in layer.kernel_size)


def _check_parameters(group: ContextGroup, number: int, feature_channels: int) -> None:
    channel, spatial, parameters = group_steps(number, group)
    counts = {"hyper": feature_channels}
    for kind, found in (("channel", channel), ("spatial", spatial)):
        if found:
            counts[kind] = found[-1].convolution.out_channels
    for step in parameters:
        layer = step.convolution
        plain = isinstance(layer, nn.Conv2d) and step.upscale == step.repeat == 1
        if not plain or layer.kernel_size != (1, 1) or layer.stride != (1, 1) or layer.padding != (0, 0):
            raise ModelError(f"{step.name}: expected a 1x1 convolution: only those run position by position")
    first, last = parameters[0].convolution, parameters[-1].convolution
    if first.in_channels != sum(counts.values()):
        raise ModelError(
            f"{parameters[0].name} reads {first.in_channels} channels; its inputs "
            f"{', '.join(f'{kind} {counts[kind]}' for kind in group.inputs)} have {sum(counts.values())}"
        )
    if last.out_channels != 2 * group.channels:
        raise ModelError(
            f"{parameters[-1].name} gives {last.out_channels} channels; expected {2 * group.channels}: a scale and a "
            "mean for each of the group's latents"
        )
