"""Context models: what is known of a latent when its turn comes, from the hyper-latent and the latents before it.

The latent's channels are cut into groups, decoded one after the other; within a group, positions are decoded in passes
(``docs/integer-net.md``, section 7, where the same model is described in integers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from licrt.trainer.layers import straight_through_round

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

    from licrt.trainer.layers import MaskedConvolution

    # (latents, scales, means) to reconstructed latents, elementwise
    Quantise = Callable[[Tensor, Tensor, Tensor], Tensor]


LOG_SCALE_BOUNDS = (-8.0, 8.0)  # far beyond all tables; keeps exp finite whatever the weights


@dataclass(frozen=True)
class ContextGroup:
    """How one group of the latent's channels is predicted.

    Attributes:
        channels: latents of the group at each position.
        order: passes over the positions: ``wavefront`` visits those with column + 3 * row = 0, 1, …, which is the same
            as one by one, row by row; ``checkerboard`` those with even row + column, then the others; ``whole`` all.
        sources: groups whose latents ``channel_context`` sees, ascending, in the order of its input.
        channel_context: latents of the sources to channel features, or None.
        spatial_context: convolution of this group's latents to spatial features, or None; what counts is its
            ``masked_weight``. In the first of two passes the features are 0, without its bias.
        parameters: network of 1x1 convolutions, from all features to scales and means.
        inputs: order of the features there.
        means_first: the parameters are means and scales instead of scales and means.
        logarithmic_scales: they are natural logarithms of scales.
    """

    channels: int
    order: Literal["wavefront", "checkerboard", "whole"]
    sources: tuple[int, ...]
    channel_context: nn.Module | None
    spatial_context: MaskedConvolution | None
    parameters: nn.Module
    inputs: tuple[Literal["hyper", "channel", "spatial"], ...]
    means_first: bool = False
    logarithmic_scales: bool = False

    def predict(self, hyper: Tensor, channel: Tensor | None, spatial: Tensor | None) -> tuple[Tensor, Tensor]:
        """Scales and means, each [batch, channels, height, width], from features of that height and width."""
        features = {"hyper": hyper, "channel": channel, "spatial": spatial}
        seen = [feature for name in self.inputs if (feature := features[name]) is not None]
        first, second = self.parameters(torch.cat(seen, dim=1)).chunk(2, 1)
        scales, means = (second, first) if self.means_first else (first, second)
        return torch.exp(scales.clamp(*LOG_SCALE_BOUNDS)) if self.logarithmic_scales else scales, means


def residual_rounding(y: Tensor, _scales: Tensor, means: Tensor) -> Tensor:
    """Rounds what the means leave of y, with the gradient of the identity; all of one shape."""
    return straight_through_round(y - means) + means


def code_latent(
    groups: Sequence[ContextGroup],
    y: Tensor,
    hyper: Tensor,
    quantise: Quantise = residual_rounding,
    context_bias: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Code a latent as a decoder has to: every prediction from reconstructed latents only.

    Args:
        groups: of the model.
        y: latent [batch, M, height, width].
        hyper: hyper features [batch, F, height, width].
        quantise: gives the reconstruction.
        context_bias: added to the spatial features, [their number] or [batch, their number]; or None.

    Returns:
        Reconstruction, scales and means, each [batch, M, height, width].
    """
    done: list[tuple[Tensor, Tensor, Tensor]] = []
    for group, latent in zip(groups, torch.split(y, [group.channels for group in groups], dim=1), strict=True):
        channel = None
        if group.channel_context is not None:
            channel = group.channel_context(torch.cat([done[source][0] for source in group.sources], dim=1))
        code = {"whole": _code_whole, "checkerboard": _code_checkerboard, "wavefront": _code_wavefronts}[group.order]
        done.append(code(group, latent, hyper, channel, quantise, context_bias))
    y_hat, scales, means = (torch.cat(parts, dim=1) for parts in zip(*done, strict=True))
    return y_hat, scales, means


def _code_whole(
    group: ContextGroup, y: Tensor, hyper: Tensor, channel: Tensor | None, quantise: Quantise, _: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    scales, means = group.predict(hyper, channel, None)
    return quantise(y, scales, means), scales, means


def _code_checkerboard(
    group: ContextGroup, y: Tensor, hyper: Tensor, channel: Tensor | None, quantise: Quantise, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    convolution = _spatial_context(group)
    rows, columns = (torch.arange(side, device=y.device) for side in y.shape[2:])
    first_pass = (rows[:, None] + columns) % 2 == 0
    nothing = y.new_zeros(y.shape[0], convolution.out_channels, *y.shape[2:])
    scales, means = group.predict(hyper, channel, nothing)
    y_hat = torch.where(first_pass, quantise(y, scales, means), y.new_zeros(()))
    spatial = convolution(y_hat)
    scales_then, means_then = group.predict(hyper, channel, spatial if bias is None else spatial + _as_map(bias))
    return (
        torch.where(first_pass, y_hat, quantise(y, scales_then, means_then)),
        torch.where(first_pass, scales, scales_then),
        torch.where(first_pass, means, means_then),
    )


def _code_wavefronts(
    group: ContextGroup, y: Tensor, hyper: Tensor, channel: Tensor | None, quantise: Quantise, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    convolution = _spatial_context(group)
    height, width = y.shape[2:]
    time = torch.arange(width) + 3 * torch.arange(height)[:, None]
    y_hat, scales, means = (torch.zeros_like(y) for _ in range(3))
    for now in range(int(time.max()) + 1):
        rows, columns = (places.to(y.device) for places in torch.nonzero(time == now, as_tuple=True))
        if not len(rows):  # a latent narrower than three columns has times without a place
            continue
        places = (slice(None), slice(None), rows, columns)
        spatial = convolution.at(y_hat, rows, columns)
        if bias is not None:
            spatial = spatial + _as_map(bias)
        channel_here = None if channel is None else channel[places][..., None]
        found = group.predict(hyper[places][..., None], channel_here, spatial)
        coded = quantise(y[places][..., None], *found), *found
        y_hat, scales, means = (
            _put(whole, places, part[..., 0]) for whole, part in zip((y_hat, scales, means), coded, strict=True)
        )
    return y_hat, scales, means


def _spatial_context(group: ContextGroup) -> MaskedConvolution:
    if group.spatial_context is None:
        raise TypeError(f"a group in {group.order} order has a spatial context; this one has none")
    return group.spatial_context


def _put(whole: Tensor, places: tuple[slice | Tensor, ...], part: Tensor) -> Tensor:
    """A copy with other values at some places: gradients may still need the tensor as it was."""
    changed = whole.clone()
    changed[places] = part
    return changed


def _as_map(bias: Tensor) -> Tensor:
    return bias[..., None, None]
