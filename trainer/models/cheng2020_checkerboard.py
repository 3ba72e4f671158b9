"""The residual model of 2020 with the checkerboard context of 2021."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from licrt.trainer.models.base import width_of
from licrt.trainer.models.cheng2020 import (
    check_one_width,
    residual_analysis,
    residual_hyper_analysis,
    residual_hyper_synthesis,
    residual_synthesis,
)
from licrt.trainer.models.context import ContextGroup
from licrt.trainer.models.contextual import CheckerboardModel, checkerboard_codec, hyper_codec, parameter_network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor
    from typing_extensions import Self


class Cheng2020AnchorCheckerboard(CheckerboardModel):
    """The transforms of ``cheng2020-anchor`` with a context in two passes.

    He, Zheng, Sun, Wang and Qin, "Checkerboard context model for efficient learned image compression", CVPR 2021.

    >>> import torch
    >>> Cheng2020AnchorCheckerboard(4, 4).eval()(torch.zeros(1, 3, 80, 48))["likelihoods"]["y"].shape
    torch.Size([1, 4, 5, 3])
    """

    arch = "cheng2020-anchor-checkerboard"

    def __init__(self, channels: int, latent_channels: int) -> None:
        check_one_width(self.arch, channels, latent_channels)
        super().__init__(channels, latent_channels)
        n = channels
        self.g_a = residual_analysis(n)
        self.g_s = residual_synthesis(n)
        parameters = parameter_network(4 * n, n * 10 // 3, n * 8 // 3, 2 * n, activation=nn.LeakyReLU)
        self.latent_codec = nn.ModuleDict(
            {
                "y": checkerboard_codec(n, parameters),
                "hyper": hyper_codec(n, residual_hyper_analysis(n), residual_hyper_synthesis(n)),
            }
        )

    def context_groups(self) -> tuple[ContextGroup, ...]:
        """The context model, in one group."""
        return (
            ContextGroup(
                channels=self.latent_channels,
                order="checkerboard",
                sources=(),
                channel_context=None,
                spatial_context=self.get_submodule("latent_codec.y.context_prediction"),  # type: ignore[arg-type]
                parameters=self.get_submodule("latent_codec.y.entropy_parameters"),
                inputs=("spatial", "hyper"),
            ),
        )

    @classmethod
    def for_state_dict(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """As in the base class: N is all that there is."""
        channels = width_of(state_dict, "g_a.0.conv1.weight")
        return cls(channels, channels)
