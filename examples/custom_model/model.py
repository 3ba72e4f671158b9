"""A codec that no zoo has: depthwise residual blocks, sub-pixel convolutions and a mean-scale hyper-prior, stride 8."""

from torch import Tensor, nn

from licrt.trainer.entropy_models import EntropyBottleneck, GaussianConditional
from licrt.trainer.layers import ResidualBlock, ResidualUpsampling, convolution, subpixel_convolution


class Block(nn.Module):
    """Depthwise 5x5 window, then two layers over the channels, beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.window = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.channels = nn.Sequential(
            nn.Conv2d(channels, 2 * channels, 1), nn.GELU(), nn.Conv2d(2 * channels, channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.channels(self.window(x))


class Codec(nn.Module):
    """N channels inside, M of the latent."""

    def __init__(self, n: int, m: int) -> None:
        super().__init__()
        # What is float may be anything that sees a window: analysis, synthesis, hyper-analysis.
        self.g_a = nn.Sequential(
            convolution(3, n), Block(n), convolution(n, n), ResidualBlock(n), convolution(n, n), Block(n),
            convolution(n, m, kernel=3, stride=1),
        )  # fmt: skip
        self.g_s = nn.Sequential(
            convolution(m, n, kernel=3, stride=1), Block(n), ResidualUpsampling(n), ResidualBlock(n),
            subpixel_convolution(n, n), Block(n), subpixel_convolution(n, 3),
        )  # fmt: skip
        self.h_a = nn.Sequential(convolution(m, n), nn.GELU(), convolution(n, n), Block(n))
        # What becomes integers is a chain of convolutions with ReLU or leaky ReLU.
        self.h_s = nn.Sequential(
            subpixel_convolution(n, n), nn.LeakyReLU(), subpixel_convolution(n, n), nn.LeakyReLU(),
            convolution(n, 2 * m, kernel=3, stride=1),
        )  # fmt: skip
        self.entropy_bottleneck = EntropyBottleneck(n)
        self.gaussian_conditional = GaussianConditional()

    def forward(self, x: Tensor) -> dict:
        y = self.g_a(x)
        z_hat, z_likelihoods = self.entropy_bottleneck(self.h_a(y))
        scales, means = self.h_s(z_hat).chunk(2, 1)
        y_hat, y_likelihoods = self.gaussian_conditional(y, scales, means)
        return {"x_hat": self.g_s(y_hat), "likelihoods": {"y": y_likelihoods, "z": z_likelihoods}}


def make() -> Codec:
    """What `export-model --model model:make` calls."""
    return Codec(24, 32)
