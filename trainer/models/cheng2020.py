"""The residual models of 2020, with and without attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from licrt.runtime.errors import ModelError
from licrt.trainer.layers import (
    Attention,
    ResidualBlock,
    ResidualDownsampling,
    ResidualUpsampling,
    convolution,
    subpixel_convolution,
)
from licrt.trainer.models.base import width_of
from licrt.trainer.models.contextual import RasterModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor
    from typing_extensions import Self


class Cheng2020Anchor(RasterModel):
    """Residual blocks and sub-pixel convolutions, a single Gaussian; the latent has N channels too.

    Cheng, Sun, Takeuchi and Katto, "Learned image compression with discretized Gaussian mixture likelihoods and
    attention modules", CVPR 2020, the anchor.

    >>> import torch
    >>> Cheng2020Anchor(4, 4).eval()(torch.zeros(1, 3, 64, 64))["likelihoods"]["y"].shape
    torch.Size([1, 4, 4, 4])
    """

    arch = "cheng2020-anchor"
    attention = False

    def __init__(self, channels: int, latent_channels: int) -> None:
        check_one_width(self.arch, channels, latent_channels)
        super().__init__(channels, latent_channels)
        self.g_a = residual_analysis(channels, attention=self.attention)
        self.g_s = residual_synthesis(channels, attention=self.attention)
        self.h_a = residual_hyper_analysis(channels)
        self.h_s = residual_hyper_synthesis(channels)

    @classmethod
    def for_state_dict(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """As in the base class: N is all that there is."""
        channels = width_of(state_dict, "g_a.0.conv1.weight")
        return cls(channels, channels)


class Cheng2020Attention(Cheng2020Anchor):
    """The same with attention in analysis and synthesis; a single Gaussian here too.

    >>> Cheng2020Attention(4, 4).g_a[3]._get_name()
    'Attention'
    """

    arch = "cheng2020-attn"
    attention = True


def check_one_width(arch: str, channels: int, latent_channels: int) -> None:
    """Raises ModelError unless the latent has as many channels as the networks."""
    if channels != latent_channels:
        raise ModelError(f"{arch} with channels={channels} has latent_channels={channels}, not {latent_channels}")


def residual_analysis(channels: int, *, attention: bool = False) -> nn.Sequential:
    """Picture to latent of a sixteenth of its height and width."""
    n = channels
    layers = [
        ResidualDownsampling(3, n),
        ResidualBlock(n),
        ResidualDownsampling(n, n),
        *([Attention(n)] if attention else []),
        ResidualBlock(n),
        ResidualDownsampling(n, n),
        ResidualBlock(n),
        convolution(n, n, kernel=3),
        *([Attention(n)] if attention else []),
    ]
    return nn.Sequential(*layers)


def residual_synthesis(channels: int, *, attention: bool = False) -> nn.Sequential:
    """Latent to picture of 16 times its height and width."""
    n = channels
    layers = [
        *([Attention(n)] if attention else []),
        ResidualBlock(n),
        ResidualUpsampling(n),
        ResidualBlock(n),
        ResidualUpsampling(n),
        *([Attention(n)] if attention else []),
        ResidualBlock(n),
        ResidualUpsampling(n),
        ResidualBlock(n),
        subpixel_convolution(n, 3),
    ]
    return nn.Sequential(*layers)


def residual_hyper_analysis(channels: int) -> nn.Sequential:
    """Latent to hyper-latent of a quarter of its height and width, rounded up."""
    n = channels
    return nn.Sequential(
        convolution(n, n, kernel=3, stride=1),
        nn.LeakyReLU(),
        convolution(n, n, kernel=3, stride=1),
        nn.LeakyReLU(),
        convolution(n, n, kernel=3),
        nn.LeakyReLU(),
        convolution(n, n, kernel=3, stride=1),
        nn.LeakyReLU(),
        convolution(n, n, kernel=3),
    )


def residual_hyper_synthesis(channels: int) -> nn.Sequential:
    """Hyper-latent to two features per latent."""
    n, wide = channels, channels * 3 // 2
    return nn.Sequential(
        convolution(n, n, kernel=3, stride=1),
        nn.LeakyReLU(),
        subpixel_convolution(n, n),
        nn.LeakyReLU(),
        convolution(n, wide, kernel=3, stride=1),
        nn.LeakyReLU(),
        subpixel_convolution(wide, wide),
        nn.LeakyReLU(),
        convolution(wide, 2 * n, kernel=3, stride=1),
    )
