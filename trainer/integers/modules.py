"""Modules that take the place of a model's float networks and compute as its integer networks will.

Each has its predecessor's parameters, by the same names. What they read and give are values, as of the float networks;
inside, they are integers. The hyper-synthesis runs first in every pass: it turns the weights of the moment into
integers, for all of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from licrt.trainer.integers.fixed_point import fixed_point
from licrt.trainer.integers.layers import steps
from licrt.trainer.integers.ranges import path_steps
from licrt.trainer.integers.straight_through import (
    accumulate,
    integer_weights,
    requantise,
    run_hidden,
    run_to_heads,
    to_integers,
    to_values,
)
from licrt.trainer.layers.masked import MaskedConvolution, convolution_at

if TYPE_CHECKING:
    from licrt.trainer.entropy_models import EntropyBottleneck
    from licrt.trainer.integers.fixed_point import FixedPoint
    from licrt.trainer.integers.quantise import FixedLayer, Int
    from licrt.trainer.integers.ranges import EntropyPath
    from licrt.trainer.integers.stored import StoredRanges


class Arithmetic:
    """The integers of an entropy path, as of the last pass.

    Attributes:
        path: the float networks.
        prior: the entropy model of the hyper-latent, which has the medians.
        stored: widths and ranges.
        fixed: every layer in integers.
    """

    def __init__(self, path: EntropyPath, prior: EntropyBottleneck, stored: StoredRanges) -> None:
        self.path = path
        self.prior = prior
        self.stored = stored
        self._steps = path_steps(path)
        self.fixed = self.refresh()

    @torch.no_grad()
    def refresh(self) -> FixedPoint:
        """Turn the weights and medians of the moment into integers."""
        path = replace(self.path, medians=self.prior.medians.double().cpu().numpy())
        self.fixed = fixed_point(path, self.stored.ranges(self._steps), self.stored.widths)
        return self.fixed

    def see_latents(self, y_hat: Tensor, *groups: int) -> Tensor:
        """Latents `[batch, channels, height, width]` of these groups, as the networks of a context model see them."""
        ends = np.cumsum([group.channels for group in self.path.groups])
        parts = np.split(self.fixed.latent_fraction, ends[:-1])
        fraction: Int = np.concatenate([parts[number] for number in groups])
        return to_integers(y_hat, fraction, self.fixed.widths.activation_bits)


class IntegerNetwork(nn.Module):
    """What the modules share: the float network's children under their names, and its layers."""

    def __init__(self, network: nn.Module, arithmetic: Arithmetic) -> None:
        super().__init__()
        for name, child in network.named_children():
            self.add_module(name, child)
        self.steps = steps(network, "network")
        self.arithmetic = arithmetic
        self.training = network.training

    def features(self, fixed: list[FixedLayer], value: Tensor) -> Tensor:
        """Run the network as one of features."""
        return to_values(run_hidden(fixed, self.steps, value), fixed[-1].fraction)

    def heads(self, fixed: list[FixedLayer], value: Tensor, index_channels: int) -> Tensor:
        """Run the network as one of scales and means, and put these in its own order."""
        found = run_to_heads(fixed, self.steps, value, index_channels)
        rows = fixed[-1].source.rows
        return found if rows is None else found[:, np.argsort(rows)]


class HyperSynthesis(IntegerNetwork):
    """Hyper-latent to scales and means, or to the features of a context model."""

    def forward(self, z_hat: Tensor) -> Tensor:
        """Values from a hyper-latent `[batch, N, height, width]`, which may carry noise instead of being rounded."""
        fixed = self.arithmetic.refresh()
        # Only what differs from the medians is rounded here: they have integers of their own.
        bits, medians = fixed.widths.activation_bits, self.arithmetic.prior.medians[:, None, None]
        value = to_integers(z_hat - medians, np.array([fixed.input_shift]), bits, fixed.input_offset)
        if fixed.groups:
            return self.features(fixed.hyper, value).to(_precision(z_hat))
        return self.heads(fixed.hyper, value, len(self.arithmetic.stored.latent_peak)).to(_precision(z_hat))


class ChannelContext(IntegerNetwork):
    """Latents of the groups before to features of one group."""

    def __init__(self, network: nn.Module, arithmetic: Arithmetic, group: int) -> None:
        super().__init__(network, arithmetic)
        self.group = group

    def forward(self, y_hat: Tensor) -> Tensor:
        """Features from the latents of the sources `[batch, channels, height, width]`."""
        value = self.arithmetic.see_latents(y_hat, *self.arithmetic.path.groups[self.group].sources)
        return self.features(self.arithmetic.fixed.groups[self.group].channel, value).to(_precision(y_hat))


class Parameters(IntegerNetwork):
    """All features of one group to its scales and means."""

    def __init__(self, network: nn.Module, arithmetic: Arithmetic, group: int) -> None:
        super().__init__(network, arithmetic)
        self.group = group

    def forward(self, features: Tensor) -> Tensor:
        """Scales and means, in the network's order, from features `[batch, channels, height, width]`."""
        arithmetic = self.arithmetic
        layers = arithmetic.fixed.groups[self.group].parameters
        seen = features[:, layers[0].source.columns]
        value = to_integers(seen, layers[0].read, layers[0].bits)
        return self.heads(layers, value, arithmetic.path.groups[self.group].channels).to(_precision(features))


class SpatialContext(MaskedConvolution):
    """Latents of one group to its own features."""

    def __init__(self, convolution: MaskedConvolution, arithmetic: Arithmetic, group: int) -> None:
        with torch.random.fork_rng(devices=[]):
            super().__init__(convolution.in_channels, convolution.out_channels, convolution.mask[0, 0])
        # The same dictionaries, so that a move to another device reaches the module that the ranges are of.
        self._parameters, self._buffers = convolution._parameters, convolution._buffers
        (self.step,) = steps(convolution, "spatial_context")
        self.arithmetic = arithmetic
        self.group = group
        self.training = convolution.training

    def forward(self, y_hat: Tensor) -> Tensor:
        """Features from the latents `[batch, channels, height, width]`."""
        fixed = self._fixed()
        value = self.arithmetic.see_latents(y_hat, self.group)
        return self._values(accumulate(fixed, self.step, value), fixed).to(_precision(y_hat))

    def at(self, y_hat: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """The features at some places only, as `MaskedConvolution.at`."""
        fixed = self._fixed()
        value = self.arithmetic.see_latents(y_hat, self.group)
        accumulator = convolution_at(value, rows, columns, *integer_weights(fixed, self.step))
        return self._values(accumulator, fixed).to(_precision(y_hat))

    def _values(self, accumulator: Tensor, fixed: FixedLayer) -> Tensor:
        return to_values(requantise(accumulator, fixed), fixed.fraction)

    def _fixed(self) -> FixedLayer:
        fixed = self.arithmetic.fixed.groups[self.group].spatial
        if fixed is None:
            raise TypeError("this group has no spatial context")
        return fixed


def _precision(tensor: Tensor) -> torch.dtype:
    """Float type of what is given for a tensor: bfloat16 cannot hold it."""
    return torch.promote_types(tensor.dtype, torch.float32)
