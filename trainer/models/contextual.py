"""Models with a context model: the two ways in which CompressAI trains them."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from licrt.trainer.entropy_models import EntropyBottleneck, GaussianConditional
from licrt.trainer.layers import MaskedConvolution, causal_mask, checkerboard_mask
from licrt.trainer.models.base import CompressionModel, Output
from licrt.trainer.models.context import ContextGroup, code_latent


class Contextual(CompressionModel):
    """A latent whose scales and means come from a hyper-latent and from the latents before.

    Subclasses bring ``g_a``, ``g_s``, ``h_a``, ``h_s``, whose output is called hyper features, and the groups.
    """

    stride = 64
    hyper_analysis_sees_magnitude = False
    h_a: nn.Sequential
    h_s: nn.Sequential
    gaussian_conditional: GaussianConditional

    def context_groups(self) -> tuple[ContextGroup, ...]:
        """The context model, group by group."""
        raise NotImplementedError

    def hyper_features(self, z_hat: Tensor, y: Tensor) -> Tensor:
        """Hyper features of the height and width of the latent y; the hyper-latent may reach further."""
        features: Tensor = self.h_s(z_hat)[..., : y.shape[2], : y.shape[3]]
        return features


class RasterModel(Contextual):
    """One group of channels, position by position, trained in parallel.

    Minnen, Ballé and Toderici, "Joint autoregressive and hierarchical priors for learned image compression", NeurIPS
    2018, section 3.
    """

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__(channels, latent_channels)
        m = latent_channels
        self.entropy_bottleneck = EntropyBottleneck(channels)
        self.gaussian_conditional = GaussianConditional()
        self.context_prediction = MaskedConvolution(m, 2 * m, causal_mask(5))
        self.entropy_parameters = parameter_network(4 * m, m * 10 // 3, m * 8 // 3, 2 * m, activation=nn.LeakyReLU)

    def context_groups(self) -> tuple[ContextGroup, ...]:
        """The context model, in one group."""
        return (
            ContextGroup(
                channels=self.latent_channels,
                order="wavefront",
                sources=(),
                channel_context=None,
                spatial_context=self.context_prediction,
                parameters=self.entropy_parameters,
                inputs=("hyper", "spatial"),
            ),
        )

    def forward(self, x: Tensor) -> Output:
        """Codes pictures x, float [batch, 3, height, width] in 0…1, sides multiples of 64.

        All positions at once, as if rounding did not depend on the means: with noise in training, rounded in
        evaluation. A decoder gets a slightly different latent: :func:`~licrt.trainer.models.context.code_latent`.
        """
        y = self.g_a(x)
        z_hat, z_likelihoods = self.entropy_bottleneck(self.h_a(y))
        y_hat = self.gaussian_conditional.quantize(y)
        (group,) = self.context_groups()
        scales, means = group.predict(self.hyper_features(z_hat, y), None, self.context_prediction(y_hat))
        _, y_likelihoods = self.gaussian_conditional(y, scales, means)
        return {"x_hat": self.g_s(y_hat), "likelihoods": {"y": y_likelihoods, "z": z_likelihoods}}


class CheckerboardModel(Contextual):
    """Groups of channels, each in two passes, trained with rounding as a decoder sees it.

    He et al., CVPR 2021 (checkerboard) and CVPR 2022 (groups). The modules are nested as in CompressAI:
    ``latent_codec.hyper`` and ``latent_codec.y``.
    """

    latent_codec: nn.ModuleDict

    @property
    def entropy_bottleneck(self) -> EntropyBottleneck:  # type: ignore[override]
        """The prior of the hyper-latent."""
        return self.get_submodule("latent_codec.hyper.entropy_bottleneck")  # type: ignore[return-value]

    @property
    def h_a(self) -> nn.Sequential:  # type: ignore[override]
        """The hyper-analysis."""
        return self.get_submodule("latent_codec.hyper.h_a")  # type: ignore[return-value]

    @property
    def h_s(self) -> nn.Sequential:  # type: ignore[override]
        """The hyper-synthesis."""
        return self.get_submodule("latent_codec.hyper.h_s")  # type: ignore[return-value]

    @property
    def gaussian_conditional(self) -> GaussianConditional:  # type: ignore[override]
        """The prior of the first group; all groups have the same tables."""
        return self.conditionals()[0]

    def conditionals(self) -> list[GaussianConditional]:
        """The priors of the groups, which differ in nothing but their place in a state dict."""
        return [module for module in self.modules() if isinstance(module, GaussianConditional)]

    def forward(self, x: Tensor) -> Output:
        """Codes pictures x, float [batch, 3, height, width] in 0…1, of any sides that ``g_a`` can take."""
        y = self.g_a(x)
        z = self.h_a(y)
        _, z_likelihoods = self.entropy_bottleneck(z)
        hyper = self.hyper_features(self.entropy_bottleneck.straight_through(z), y)
        groups = self.context_groups()
        y_hat, scales, means = code_latent(groups, y, hyper)
        sizes = [group.channels for group in groups]
        parts = zip(self.conditionals(), *(torch.split(each, sizes, 1) for each in (y, scales, means)), strict=True)
        y_likelihoods = torch.cat([conditional(*part)[1] for conditional, *part in parts], dim=1)
        return {"x_hat": self.g_s(y_hat), "likelihoods": {"y": y_likelihoods, "z": z_likelihoods}}


def checkerboard_codec(channels: int, parameters: nn.Module) -> nn.ModuleDict:
    """Modules of one group: ``context_prediction``, ``entropy_parameters`` and ``y.gaussian_conditional``."""
    return nn.ModuleDict(
        {
            "context_prediction": MaskedConvolution(channels, 2 * channels, checkerboard_mask(5)),
            "entropy_parameters": parameters,
            "y": nn.ModuleDict({"gaussian_conditional": GaussianConditional()}),
        }
    )


def hyper_codec(channels: int, h_a: nn.Sequential, h_s: nn.Sequential) -> nn.ModuleDict:
    """Modules of the hyper-latent: ``entropy_bottleneck``, ``h_a`` and ``h_s``."""
    return nn.ModuleDict({"entropy_bottleneck": EntropyBottleneck(channels), "h_a": h_a, "h_s": h_s})


def parameter_network(*widths: int, activation: type[nn.Module]) -> nn.Sequential:
    """1x1 convolutions from ``widths[0]`` channels over the others to the last, with activations between.

    >>> [layer.out_channels for layer in parameter_network(8, 6, 4, activation=nn.ReLU)[::2]]
    [6, 4]
    """
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Conv2d(inputs, outputs, 1), activation()]
    return nn.Sequential(*layers[:-1])
