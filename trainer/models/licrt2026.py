"""The architecture of the embedded model: made for fast decoding on CPUs, and for many rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from licrt.trainer.entropy_models import EntropyBottleneck
from licrt.trainer.layers import DepthwiseBlock
from licrt.trainer.models.base import width_of
from licrt.trainer.models.block_transform import BLOCK, block_transform, merged_amplitudes, merging_transform
from licrt.trainer.models.vbr import VariableRateHyperprior

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

FINE_BLOCKS, COARSE_BLOCKS = 4, 3  # at an eighth and at a sixteenth of the picture's sides
LATENT_SCALE = 255 / 48  # latents per orthonormal pixel amplitude (0…1)
LOG_SCALE_BOUNDS = (-8.0, 8.0)  # far beyond all tables; keeps exp finite whatever the weights
TOP_GAIN = 4.0  # so that the finest step is 12 of 255 amplitudes, the best for a lambda of 0.18 at high rates


class Licrt2026(VariableRateHyperprior):
    """Plain convolutions at an eighth of the picture's sides or less, ReLU, sub-pixel shuffles; one model for all rates.

    Analysis: 8x8 blocks to N channels, residual blocks, 2x2 merged to M channels, residual blocks. Synthesis: the same
    backwards. Before training, both are an orthonormal block transform and nothing else, which codes about as well as
    JPEG does. The rate control is that of :class:`~licrt.trainer.models.variable_rate.VariableRate`.

    >>> Licrt2026(8, 12).eval()(torch.zeros(1, 3, 64, 64), s=7)["x_hat"].shape
    torch.Size([1, 3, 64, 64])
    """

    arch = "licrt2026"
    hyper_analysis_sees_magnitude = False
    logarithmic_scales = True

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__(channels, latent_channels)
        n, m, z = channels, latent_channels, channels * 3 // 4
        self.g_a = nn.Sequential(
            nn.Conv2d(3, n, BLOCK, stride=BLOCK),
            *(DepthwiseBlock(n) for _ in range(FINE_BLOCKS - 1)),
            nn.Conv2d(n, m, 2, stride=2),
            *(DepthwiseBlock(m, expansion=1) for _ in range(COARSE_BLOCKS - 1)),
        )
        self.g_s = nn.Sequential(
            *(DepthwiseBlock(m, expansion=1) for _ in range(COARSE_BLOCKS)),
            nn.Conv2d(m, 4 * n, 1),
            nn.PixelShuffle(2),
            *(DepthwiseBlock(n) for _ in range(FINE_BLOCKS)),
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
            nn.Conv2d(n, 2 * m, 1),
        )
        self.entropy_bottleneck = EntropyBottleneck(z)
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
        heads = self.h_s[-1]
        heads.weight.mul_(0.1)
        heads.bias.zero_()
        heads.bias[:m].copy_(torch.log(LATENT_SCALE * merged_amplitudes(m, n)))

    def hyper_synthesis(self, z_hat: Tensor) -> tuple[Tensor, Tensor]:
        """Scales and means of the latent, each [batch, M, height, width]."""
        logarithms, means = self.h_s(z_hat).chunk(2, 1)
        return torch.exp(logarithms.clamp(*LOG_SCALE_BOUNDS)), means

    @classmethod
    def for_state_dict(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """A new model with the N and M of a state dict; its values are not taken over."""
        return cls(width_of(state_dict, "g_a.0.weight"), width_of(state_dict, f"g_a.{FINE_BLOCKS}.weight"))
