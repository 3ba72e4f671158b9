"""The architecture of the embedded model: made for fast decoding on CPUs, and for many rates."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from licrt.runtime.errors import ModelError
from licrt.trainer.entropy_models import EntropyBottleneck, GaussianConditional
from licrt.trainer.layers import DepthwiseBlock, MaskedConvolution, checkerboard_mask
from licrt.trainer.models.base import width_of
from licrt.trainer.models.block_transform import BLOCK, block_transform, merged_amplitudes, merging_transform
from licrt.trainer.models.context import ContextGroup
from licrt.trainer.models.contextual import parameter_network
from licrt.trainer.models.vbr import VariableRateContextual

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

FINE_BLOCKS, COARSE_BLOCKS = 4, 3  # at an eighth and at a sixteenth of the picture's sides
LATENT_SCALE = 255 / 48  # latents per orthonormal pixel amplitude (0…1)
TOP_GAIN = 4.0  # so that the finest step is 12 of 255 amplitudes, the best for a lambda of 0.18 at high rates


class Licrt2026(VariableRateContextual):
    """Convolutions at an eighth of the picture's sides or less, ReLU, sub-pixel shuffles; one model for all rates.

    Analysis: 8x8 blocks to N channels, residual blocks, 2x2 merged to M channels, residual blocks. Synthesis: the same
    backwards. Before training, both are an orthonormal block transform and nothing else, which codes about as well as
    JPEG does. The latent is coded in four steps: its lowest N/4 frequencies in the two passes of a checkerboard (He et
    al., CVPR 2021), then two groups of channels that see all before (He et al., CVPR 2022). Networks give logarithms of
    scales. The rate control is that of :class:`~licrt.trainer.models.variable_rate.VariableRate`.

    >>> Licrt2026(8, 16).eval()(torch.zeros(1, 3, 64, 64), s=7)["x_hat"].shape
    torch.Size([1, 3, 64, 64])
    """

    arch = "licrt2026"
    hyper_analysis_sees_magnitude = False

    def __init__(self, channels: int, latent_channels: int) -> None:
        if channels % 4 or not 0 < channels < latent_channels:
            raise ModelError(
                f"licrt2026 with channels={channels} and latent_channels={latent_channels}: expected a multiple of 4, and "
                "more latent channels than that"
            )
        super().__init__(channels, latent_channels)
        n, m, z = channels, latent_channels, channels * 3 // 4
        self.g_a = nn.Sequential(
            nn.Conv2d(3, n, BLOCK, stride=BLOCK),
            *(DepthwiseBlock(n, 2 * n) for _ in range(FINE_BLOCKS - 1)),
            nn.Conv2d(n, m, 2, stride=2),
            *(DepthwiseBlock(m, 2 * n) for _ in range(COARSE_BLOCKS - 1)),
        )
        self.g_s = nn.Sequential(
            *(DepthwiseBlock(m, 2 * n) for _ in range(COARSE_BLOCKS)),
            nn.Conv2d(m, 4 * n, 1),
            nn.PixelShuffle(2),
            *(DepthwiseBlock(n, 2 * n) for _ in range(FINE_BLOCKS)),
            nn.Conv2d(n, 3 * BLOCK**2, 1),
            nn.PixelShuffle(BLOCK),
        )
        self.h_a = nn.Sequential(
            nn.Conv2d(m, z, 1),
            nn.LeakyReLU(),
            nn.Conv2d(z, z, 3, stride=2, padding=1),
            nn.LeakyReLU(),
            nn.Conv2d(z, z, 3, stride=2, padding=1),
        )
        self.h_s = nn.Sequential(
            nn.Conv2d(z, 4 * z, 3, padding=1),
            nn.PixelShuffle(2),
            nn.LeakyReLU(),
            nn.Conv2d(z, 4 * n, 3, padding=1),
            nn.PixelShuffle(2),
            nn.LeakyReLU(),
            nn.Conv2d(n, features := 3 * n // 2, 1),
        )
        self.entropy_bottleneck = EntropyBottleneck(z)
        self.gaussian_conditional = GaussianConditional()
        low, middle, high = self._group_sizes()
        self.spatial_context = MaskedConvolution(low, 2 * low, checkerboard_mask(5))
        self.channel_contexts = nn.ModuleList(
            nn.Sequential(nn.Conv2d(seen, n, 3, padding=1), nn.LeakyReLU(), nn.Conv2d(n, n, 1))
            for seen in (low, low + middle)
        )
        self.parameters_networks = nn.ModuleList(
            parameter_network(features + extra, 2 * n, 2 * own, activation=nn.LeakyReLU)
            for extra, own in ((2 * low, low), (n, middle), (n, high))
        )
        self._start_from_a_block_transform()
        with torch.no_grad():
            self.Gain.mul_(TOP_GAIN)

    @torch.no_grad()
    def _start_from_a_block_transform(self) -> None:
        n, m = self.channels, self.latent_channels
        fine, coarse = block_transform(n), merging_transform(m, n)
        blocks, merging = self.g_a[0], self.g_a[FINE_BLOCKS]
        blocks.weight.copy_(fine)
        blocks.bias.copy_(-0.5 * fine.sum((1, 2, 3)))  # so that gray becomes 0
        merging.weight.copy_(coarse * LATENT_SCALE)
        nn.init.zeros_(merging.bias)
        splitting, pixels = self.g_s[COARSE_BLOCKS], self.g_s[-2]
        splitting.weight.copy_(coarse.permute(1, 2, 3, 0).reshape(4 * n, m, 1, 1) / LATENT_SCALE)
        nn.init.zeros_(splitting.bias)
        pixels.weight.copy_(fine.reshape(n, -1).T[..., None, None])
        nn.init.constant_(pixels.bias, 0.5)
        amplitudes = torch.log(LATENT_SCALE * merged_amplitudes(m, n)).split(self._group_sizes())
        for network, expected in zip(self.parameters_networks, amplitudes, strict=True):
            heads = network[-1]
            heads.weight.mul_(0.1)
            heads.bias.zero_()
            heads.bias[: len(expected)].copy_(expected)
        nn.init.zeros_(self.QuantABCD[-1].weight)
        nn.init.zeros_(self.QuantABCD[-1].bias)

    def _group_sizes(self) -> tuple[int, int, int]:
        n, m = self.channels, self.latent_channels
        return n // 4, n * 3 // 4, m - n

    def context_groups(self) -> tuple[ContextGroup, ...]:
        """The context model, group by group."""
        low, middle, high = self._group_sizes()
        first, second, third = self.parameters_networks
        group = partial(ContextGroup, logarithmic_scales=True)
        return (
            group(low, "checkerboard", (), None, self.spatial_context, first, ("hyper", "spatial")),
            group(middle, "whole", (0,), self.channel_contexts[0], None, second, ("hyper", "channel")),
            group(high, "whole", (0, 1), self.channel_contexts[1], None, third, ("hyper", "channel")),
        )

    @classmethod
    def for_state_dict(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """A new model with the N and M of a state dict; its values are not taken over."""
        return cls(width_of(state_dict, "g_a.0.weight"), width_of(state_dict, f"g_a.{FINE_BLOCKS}.weight"))
