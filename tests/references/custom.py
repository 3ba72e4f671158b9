"""Models of one's own, random but with natural spread, as a user of the exporter brings them."""

from __future__ import annotations

import torch
from references.tiny_photo import photo
from torch import nn

from licrt.export.parts import Parts
from licrt.trainer.entropy_models import EntropyBottleneck, GaussianConditional
from licrt.trainer.layers import convolution, subpixel_convolution


def conv(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, padding: int | None = None, **options
) -> nn.Conv2d:
    """A convolution with half padding unless told otherwise."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2 if padding is None else padding, **options)


def mean_scale(channels: int = 8, latent_channels: int = 12, **networks: nn.Module) -> Parts:
    """A mean-scale hyper-prior of stride 8 and hyper-stride 4, with networks of one's own in place of any of its."""
    torch.manual_seed(1)
    n, m = channels, latent_channels
    defaults = {
        "g_a": nn.Sequential(convolution(3, n), nn.GELU(), convolution(n, n), nn.SiLU(), convolution(n, m)),
        "g_s": nn.Sequential(
            subpixel_convolution(m, n), nn.Tanh(), subpixel_convolution(n, n), nn.ELU(), subpixel_convolution(n, 3)
        ),
        "h_a": nn.Sequential(convolution(m, n), nn.ReLU(), convolution(n, n)),
        "h_s": nn.Sequential(
            subpixel_convolution(n, n), nn.LeakyReLU(), subpixel_convolution(n, n), nn.LeakyReLU(), conv(n, 2 * m)
        ),
    }
    return spread(**{**defaults, **networks})


@torch.no_grad()
def spread(
    g_a: nn.Module,
    g_s: nn.Module,
    h_a: nn.Module,
    h_s: nn.Module,
    *,
    magnitude: bool = False,
    means_first: bool = False,
) -> Parts:
    """Parts whose latents of a photograph deviate by about 6, hyper-latents by 4, with scales from 0.2 to 20."""
    x = torch.from_numpy(photo(128, 128)).permute(2, 0, 1)[None].float() / 255
    y = scaled(g_a.eval(), x, 6.0)
    z = scaled(h_a.eval(), y.abs() if magnitude else y, 4.0)
    h_s.eval()
    last, latents = last_convolution(h_s), y.shape[1]
    features = h_s(z).shape[1]
    rows = last.out_channels // features  # of a channel, behind a pixel shuffle
    first = latents * rows if means_first else 0
    if last.bias is not None:
        last.bias[first : first + latents * rows] = torch.logspace(-0.7, 1.3, latents).repeat_interleave(rows)
    return Parts(
        g_a=g_a,
        g_s=g_s.eval(),
        entropy_bottleneck=EntropyBottleneck(z.shape[1]),
        h_a=h_a,
        h_s=h_s,
        gaussian_conditional=GaussianConditional(),
        hyper_analysis_sees_magnitude=magnitude,
        means_first=means_first,
    )


def last_convolution(network: nn.Module) -> nn.Conv2d | nn.ConvTranspose2d:
    """The last layer that is a convolution."""
    return [each for each in network.modules() if isinstance(each, nn.Conv2d | nn.ConvTranspose2d)][-1]


def scaled(network: nn.Module, x: torch.Tensor, deviation: float) -> torch.Tensor:
    """Multiplies a network's last convolution, so that its output deviates by about that much; returns the output."""
    last = last_convolution(network)
    if last.bias is not None:
        last.bias.zero_()
    last.weight *= deviation / network(x).std()
    return network(x)
