"""Transforms that several architectures share."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch import nn

from licrt.trainer.layers import GDN, convolution, transposed_convolution

if TYPE_CHECKING:
    from collections.abc import Callable


def gdn_analysis(channels: int, latent_channels: int) -> nn.Sequential:
    """Picture to latent of a sixteenth of its height and width: four convolutions with GDN between.

    This and :func:`gdn_synthesis`: Ballé, Minnen, Singh, Hwang and Johnston, "Variational image compression with a
    scale hyperprior", ICLR 2018, figure 4.
    """
    return _analysis(channels, latent_channels, GDN)


def gdn_synthesis(channels: int, latent_channels: int) -> nn.Sequential:
    """Latent to picture of 16 times its height and width."""
    return _synthesis(channels, latent_channels, partial(GDN, inverse=True))


def relu_analysis(channels: int, latent_channels: int) -> nn.Sequential:
    """As :func:`gdn_analysis`, with ReLU in place of GDN."""
    return _analysis(channels, latent_channels, lambda _: nn.ReLU())


def relu_synthesis(channels: int, latent_channels: int) -> nn.Sequential:
    """As :func:`gdn_synthesis`, with ReLU in place of GDN."""
    return _synthesis(channels, latent_channels, lambda _: nn.ReLU())


def _analysis(channels: int, latent_channels: int, activation: Callable[[int], nn.Module]) -> nn.Sequential:
    n, m = channels, latent_channels
    layers: list[nn.Module] = [convolution(3, n)]
    for outputs in (n, n, m):
        layers += [activation(n), convolution(n, outputs)]
    return nn.Sequential(*layers)


def _synthesis(channels: int, latent_channels: int, activation: Callable[[int], nn.Module]) -> nn.Sequential:
    n, m = channels, latent_channels
    layers: list[nn.Module] = [transposed_convolution(m, n)]
    for outputs in (n, n, 3):
        layers += [activation(n), transposed_convolution(n, outputs)]
    return nn.Sequential(*layers)


def hyper_analysis(channels: int, latent_channels: int, activation: type[nn.Module]) -> nn.Sequential:
    """Latent to hyper-latent of a quarter of its height and width, rounded up."""
    n, m = channels, latent_channels
    return nn.Sequential(
        convolution(m, n, kernel=3, stride=1), activation(), convolution(n, n), activation(), convolution(n, n)
    )


def mean_scale_hyper_synthesis(channels: int, latent_channels: int) -> nn.Sequential:
    """Hyper-latent to two numbers per latent.

    Minnen, Ballé and Toderici, "Joint autoregressive and hierarchical priors for learned image compression", NeurIPS
    2018, table 1.
    """
    n, m = channels, latent_channels
    return nn.Sequential(
        transposed_convolution(n, m),
        nn.LeakyReLU(),
        transposed_convolution(m, m * 3 // 2),
        nn.LeakyReLU(),
        convolution(m * 3 // 2, 2 * m, kernel=3, stride=1),
    )
