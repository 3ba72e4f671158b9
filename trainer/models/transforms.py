"""Transforms that several architectures share."""

from __future__ import annotations

from torch import nn

from licrt.trainer.layers import GDN, convolution, transposed_convolution


def gdn_analysis(channels: int, latent_channels: int) -> nn.Sequential:
    """Picture to latent of a sixteenth of its height and width: four convolutions with GDN between.

    This and :func:`gdn_synthesis`: Ballé, Minnen, Singh, Hwang and Johnston, "Variational image compression with a
    scale hyperprior", ICLR 2018, figure 4.
    """
    n, m = channels, latent_channels
    return nn.Sequential(
        convolution(3, n), GDN(n), convolution(n, n), GDN(n), convolution(n, n), GDN(n), convolution(n, m)
    )


def gdn_synthesis(channels: int, latent_channels: int) -> nn.Sequential:
    """Latent to picture of 16 times its height and width."""
    n, m = channels, latent_channels
    return nn.Sequential(
        transposed_convolution(m, n),
        GDN(n, inverse=True),
        transposed_convolution(n, n),
        GDN(n, inverse=True),
        transposed_convolution(n, n),
        GDN(n, inverse=True),
        transposed_convolution(n, 3),
    )


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
