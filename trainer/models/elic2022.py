"""ELIC of 2022 as CompressAI has it: after the paper, and after Chandelier's implementation."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from licrt.runtime.errors import ModelError
from licrt.trainer.layers import Attention, ResidualBottleneck, convolution, transposed_convolution
from licrt.trainer.models.base import width_of
from licrt.trainer.models.context import ContextGroup
from licrt.trainer.models.contextual import CheckerboardModel, checkerboard_codec, hyper_codec, parameter_network
from licrt.trainer.models.transforms import hyper_analysis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor
    from typing_extensions import Self

CODECS, CONTEXTS = "latent_codec.y.latent_codec", "latent_codec.y.channel_context"


class Elic2022Official(CheckerboardModel):
    """Uneven groups of channels, each in two passes; each sees all groups before it.

    He, Yang, Peng, Ma, Qin and Wang, "ELIC: Efficient learned image compression with unevenly grouped space-channel
    contextual adaptive coding", CVPR 2022.

    Args:
        channels, latent_channels: N and M.
        groups: channels of each group, in sum M; by default 16, 16, 32, 64 and the rest, a smaller unit where M is
            128 or less.
        hidden: channels between the convolutions of each group's parameter network; by default CompressAI's.
        channel_hidden: the same for the networks that look at the groups before.

    >>> import torch
    >>> model = Elic2022Official(4, 12).eval()
    >>> [group.channels for group in model.context_groups()]
    [1, 1, 2, 4, 4]
    >>> model(torch.zeros(1, 3, 80, 48))["likelihoods"]["y"].shape
    torch.Size([1, 12, 5, 3])
    """

    arch = "elic2022-official"
    means_first = False
    last_hyper_layer: ClassVar[Callable[..., nn.Module]] = staticmethod(transposed_convolution)

    def __init__(
        self,
        channels: int,
        latent_channels: int,
        groups: Sequence[int] | None = None,
        hidden: Sequence[Sequence[int]] | None = None,
        channel_hidden: Sequence[int] = (224, 128),
    ) -> None:
        super().__init__(channels, latent_channels)
        self.groups = default_groups(latent_channels) if groups is None else tuple(groups)
        if sum(self.groups) != latent_channels:
            raise ModelError(f"groups of {self.groups} channels are not the {latent_channels} of the latent")
        n, m = channels, latent_channels
        self.g_a = nn.Sequential(
            convolution(3, n), *_bottlenecks(n),
            convolution(n, n), *_bottlenecks(n), Attention(n),
            convolution(n, n), *_bottlenecks(n),
            convolution(n, m), Attention(m),
        )  # fmt: skip
        self.g_s = nn.Sequential(
            Attention(m), transposed_convolution(m, n),
            *_bottlenecks(n), transposed_convolution(n, n),
            Attention(n), *_bottlenecks(n), transposed_convolution(n, n),
            *_bottlenecks(n), transposed_convolution(n, 3),
        )  # fmt: skip
        context = {
            f"y{k}": _channel_context(sum(self.groups[j] for j in self.sources(k)), *channel_hidden, 2 * group)
            for k, group in enumerate(self.groups)
            if k
        }
        codecs = {}
        for k, group in enumerate(self.groups):
            inputs = (4 if k else 2) * group + self.feature_channels
            between = self._default_hidden(inputs, 2 * group) if hidden is None else hidden[k]
            codecs[f"y{k}"] = checkerboard_codec(
                group, parameter_network(inputs, *between, 2 * group, activation=nn.ReLU)
            )
        self.latent_codec = nn.ModuleDict(
            {
                "y": nn.ModuleDict({"channel_context": nn.ModuleDict(context), "latent_codec": nn.ModuleDict(codecs)}),
                "hyper": hyper_codec(n, hyper_analysis(n, m, nn.ReLU), self._hyper_synthesis()),
            }
        )

    def sources(self, k: int) -> tuple[int, ...]:
        """Groups that group k sees."""
        return tuple(range(k))

    @property
    def feature_channels(self) -> int:
        """Hyper features."""
        return 2 * self.channels

    def _hyper_synthesis(self) -> nn.Sequential:
        n, wide = self.channels, self.channels * 3 // 2
        last = self.last_hyper_layer(wide, self.feature_channels, kernel=3, stride=1)
        return nn.Sequential(transposed_convolution(n, n), nn.ReLU(), transposed_convolution(n, wide), nn.ReLU(), last)

    def _default_hidden(self, inputs: int, outputs: int) -> tuple[int, ...]:
        """Two widths on the line from inputs to outputs, but at least 2 N."""
        return tuple(max((3 * inputs + (outputs - inputs) * step) // 3, 2 * self.channels) for step in (1, 2))

    def context_groups(self) -> tuple[ContextGroup, ...]:
        """The context model, group by group."""
        return tuple(
            ContextGroup(
                channels=channels,
                order="checkerboard",
                sources=self.sources(k),
                channel_context=self.get_submodule(f"{CONTEXTS}.y{k}") if k else None,
                spatial_context=self.get_submodule(f"{CODECS}.y{k}.context_prediction"),  # type: ignore[arg-type]
                parameters=self.get_submodule(f"{CODECS}.y{k}.entropy_parameters"),
                inputs=("spatial", "channel", "hyper") if k else ("spatial", "hyper"),
                means_first=self.means_first,
            )
            for k, channels in enumerate(self.groups)
        )

    @classmethod
    def for_state_dict(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """As in the base class: N, M, the groups and the hidden widths come from shapes."""
        names: list[str] = []
        while f"{CODECS}.y{len(names)}.context_prediction.weight" in state_dict:
            names.append(f"{CODECS}.y{len(names)}")
        if not names:
            raise KeyError(f"{CODECS}.y0")
        groups = [state_dict[f"{name}.context_prediction.weight"].shape[1] for name in names]
        return cls(
            width_of(state_dict, "g_a.0.weight"),
            sum(groups),
            groups,
            [_hidden(state_dict, f"{name}.entropy_parameters") for name in names],
            _hidden(state_dict, f"{CONTEXTS}.y1"),
        )


class Elic2022Chandelier(Elic2022Official):
    """Each group sees the first one and the one before it; wider parameter networks.

    After https://github.com/VincentChandelier/ELiC-ReImplemetation.

    >>> Elic2022Chandelier(4, 12).sources(3)
    (0, 2)
    """

    arch = "elic2022-chandelier"
    means_first = True
    last_hyper_layer = staticmethod(convolution)

    def sources(self, k: int) -> tuple[int, ...]:
        """Groups that group k sees."""
        return tuple(sorted({0, k - 1})) if k else ()

    @property
    def feature_channels(self) -> int:
        """Hyper features."""
        return 2 * self.latent_channels

    def _default_hidden(self, _inputs: int, _outputs: int) -> tuple[int, ...]:
        return 2 * self.latent_channels, 512


def default_groups(latent_channels: int) -> tuple[int, ...]:
    """16, 16, 32, 64 and the rest as in the paper; a smaller unit than 16 where that leaves no rest.

    >>> default_groups(320), default_groups(12)
    ((16, 16, 32, 64, 192), (1, 1, 2, 4, 4))
    """
    unit = min(16, (latent_channels - 1) // 8)
    if unit == 0:
        raise ModelError(f"a latent of {latent_channels} channels makes no five groups; use 9 or more")
    return unit, unit, 2 * unit, 4 * unit, latent_channels - 8 * unit


def _bottlenecks(channels: int) -> list[nn.Module]:
    return [ResidualBottleneck(channels) for _ in range(3)]


def _channel_context(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [convolution(inputs, outputs, stride=1), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _hidden(state_dict: Mapping[str, Tensor], name: str) -> list[int]:
    """Output channels of a sequence's convolutions, which have activations between them, but the last."""
    widths: list[int] = []
    while (key := f"{name}.{2 * len(widths)}.weight") in state_dict:
        widths.append(state_dict[key].shape[0])
    return widths[:-1]
