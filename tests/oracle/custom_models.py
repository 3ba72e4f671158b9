"""Models as CompressAI's users write them: subclasses and Parts, for export-model --model custom_models:NAME.

Made with CompressAI's own layers and entropy models, random but with natural spread. Runs where both CompressAI and
licrt's exporter can be imported; imports CompressAI the way that works first.
"""

import compressai_import  # noqa: F401
import numpy as np
import torch
from compressai.entropy_models import EntropyBottleneck, GaussianConditional
from compressai.layers import (
    GDN1,
    AttentionBlock,
    CheckerboardMaskedConv2d,
    ResidualBlock,
    ResidualBlockUpsample,
    ResidualBlockWithStride,
    conv3x3,
    subpel_conv3x3,
)
from compressai.models import CompressionModel, JointAutoregressiveHierarchicalPriors, ScaleHyperprior
from compressai.models import MeanScaleHyperprior as MeanScale
from compressai.models.sensetime import Cheng2020AnchorCheckerboard
from compressai.models.utils import conv, deconv
from torch import nn

from licrt.export import ContextGroup, Parts


def picture(side=128):
    """Smooth colours with some noise, float [1, 3, side, side] in 0…1."""
    rows, columns = np.mgrid[:side, :side] / 9
    waves = np.stack([np.sin(rows + columns * k) + np.cos(columns - rows * k) for k in (0.3, 0.7, 1.1)])
    noise = np.random.default_rng(0).normal(0, 0.03, waves.shape)
    return torch.from_numpy(np.clip(0.5 + 0.2 * waves + noise, 0, 1)).float()[None]


def last_convolution(network):
    """The last layer with a weight that is a convolution."""
    return [each for each in network.modules() if isinstance(each, nn.Conv2d | nn.ConvTranspose2d)][-1]


@torch.no_grad()
def spread(model, *, scales_at=0):
    """Gives a random model latents that deviate by 6, hyper-latents by 4, and scales from 0.2 to 20.

    ``scales_at`` is the half of the channels of ``h_s`` that scales are in.
    """
    y = scaled(model.g_a, picture(), 6.0)
    scaled(model.h_a, y.abs() if isinstance(model, ScaleHyperprior) and not isinstance(model, MeanScale) else y, 4.0)
    last, latents = last_convolution(model.h_s), y.shape[1]
    first = scales_at * latents
    last.bias[first : first + latents] = torch.logspace(-0.7, 1.3, latents)
    model.eval()
    model.update(force=True)
    return model


def scaled(network, x, deviation):
    """Multiplies a network's last convolution, so that its output deviates by about that much around zero."""
    last = last_convolution(network)
    last.bias.zero_()
    last.weight *= deviation / network(x).std()
    return network(x)


class Residual(MeanScale):
    """A mean-scale hyper-prior with other transforms: the common way to write one's own."""

    def __init__(self, n=16, m=24):
        super().__init__(n, m)
        self.g_a = nn.Sequential(
            ResidualBlockWithStride(3, n), ResidualBlock(n, n), ResidualBlockWithStride(n, n), AttentionBlock(n),
            conv(n, n), GDN1(n), conv3x3(n, m, stride=2),
        )  # fmt: skip
        self.g_s = nn.Sequential(
            ResidualBlock(m, n), ResidualBlockUpsample(n, n), AttentionBlock(n), deconv(n, n), GDN1(n, inverse=True),
            ResidualBlockUpsample(n, n), subpel_conv3x3(n, 3, 2),
        )  # fmt: skip


class MeansFirst(CompressionModel):
    """A model of its own, not even of a hyper-prior class, whose hyper-synthesis gives means before scales."""

    def __init__(self, n=16, m=20):
        super().__init__()
        self.g_a = nn.Sequential(conv(3, n), nn.LeakyReLU(inplace=True), conv(n, n), nn.GELU(), conv(n, m))
        self.g_s = nn.Sequential(deconv(m, n), nn.ReLU(inplace=True), deconv(n, n), nn.GELU(), deconv(n, 3))
        self.h_a = nn.Sequential(conv3x3(m, n), nn.LeakyReLU(inplace=True), conv(n, n))
        self.h_s = nn.Sequential(subpel_conv3x3(n, n, 2), nn.LeakyReLU(inplace=True), conv3x3(n, 2 * m))
        self.entropy_bottleneck = EntropyBottleneck(n)
        self.gaussian_conditional = GaussianConditional(None)

    def forward(self, x):
        """As everybody writes it."""
        y = self.g_a(x)
        z_hat, z_likelihoods = self.entropy_bottleneck(self.h_a(y))
        means, scales = self.h_s(z_hat).chunk(2, 1)
        y_hat, y_likelihoods = self.gaussian_conditional(y, scales, means=means)
        return {"x_hat": self.g_s(y_hat), "likelihoods": {"y": y_likelihoods, "z": z_likelihoods}}


def residual():
    """MeanScaleHyperprior with residual, attention and GDN1 layers."""
    torch.manual_seed(1)
    return spread(Residual())


def means_first():
    """Means before scales."""
    torch.manual_seed(2)
    return spread(MeansFirst(), scales_at=1)


def magnitude():
    """ScaleHyperprior, whose hyper-analysis sees |y| without an attribute that says so."""
    torch.manual_seed(3)
    return spread(ScaleHyperprior(16, 24))


def autoregressive():
    """JointAutoregressiveHierarchicalPriors, recognised by its attributes."""
    torch.manual_seed(4)
    model = JointAutoregressiveHierarchicalPriors(12, 12)
    with torch.no_grad():
        y = scaled(model.g_a, picture(), 6.0)
        z = scaled(model.h_a, y, 4.0)
        hyper = scaled(model.h_s, z, 2.0)
        spatial = model.context_prediction(y.round())
        model.context_prediction.weight *= 2.0 / spatial.std()
        features = torch.cat([hyper, model.context_prediction(y.round())], 1)
        scaled(model.entropy_parameters, features, 1.0)
        last = model.entropy_parameters[-1]
        last.weight[:12] *= 0.3
        last.bias[:12] = torch.logspace(-0.5, 1.0, 12)
    model.eval()
    model.update(force=True)
    return model


def checkerboard():
    """CompressAI's checkerboard model, whose modules are nested in latent codecs, described as Parts."""
    torch.manual_seed(5)
    model = Cheng2020AnchorCheckerboard(12)
    hyper, codec = model.latent_codec["hyper"], model.latent_codec["y"]
    with torch.no_grad():
        y = scaled(model.g_a, picture(), 6.0)
        features = scaled(hyper.h_s, scaled(hyper.h_a, y, 4.0), 2.0)
        codec.context_prediction.weight *= 2.0 / codec.context_prediction(y).std()
        joined = torch.cat([codec.context_prediction(y), features], 1)
        scaled(codec.entropy_parameters, joined, 1.0)
        last = codec.entropy_parameters[-1]
        last.weight[:12] *= 0.3
        last.bias[:12] = torch.logspace(-0.5, 1.0, 12)
    assert isinstance(codec.context_prediction, CheckerboardMaskedConv2d)
    return Parts(
        g_a=model.g_a,
        g_s=model.g_s,
        entropy_bottleneck=hyper.entropy_bottleneck,
        h_a=hyper.h_a,
        h_s=hyper.h_s,
        gaussian_conditional=codec.latent_codec["y"].gaussian_conditional,
        context=(
            ContextGroup(
                channels=12,
                order="checkerboard",
                sources=(),
                channel_context=None,
                spatial_context=codec.context_prediction,
                parameters=codec.entropy_parameters,
                inputs=("spatial", "hyper"),
            ),
        ),
    )
