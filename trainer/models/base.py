"""What all architectures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypedDict

import torch
from torch import Tensor, nn

from licrt.trainer.entropy_models.base import EntropyModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

    from licrt.trainer.entropy_models import EntropyBottleneck


class Output(TypedDict):
    """What a model's forward gives: the reconstruction, and per latent the likelihood of each of its values."""

    x_hat: Tensor
    likelihoods: dict[str, Tensor]


class CompressionModel(nn.Module):
    """Base of the architectures: analysis ``g_a``, synthesis ``g_s``, and an ``entropy_bottleneck``.

    Every architecture is made from two numbers, N channels inside and M channels of the latent; where those do not
    tell everything, there are further arguments with defaults.
    """

    arch: ClassVar[str]
    stride: ClassVar[int]  # sides of a picture must be multiples of it
    g_a: nn.Sequential
    g_s: nn.Sequential
    entropy_bottleneck: EntropyBottleneck

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.latent_channels = latent_channels

    def forward(self, x: Tensor) -> Output:
        """Codes pictures x, float [batch, 3, height, width] in 0…1; noise stands for rounding in training."""
        raise NotImplementedError

    @classmethod
    def for_state_dict(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """A new model with the N and M of a state dict; its values are not taken over.

        Raises:
            KeyError, ValueError: the state dict lacks a layer that tells them.
        """
        last = max(int(key.split(".")[1]) for key in state_dict if key.startswith("g_a."))
        return cls(width_of(state_dict, "g_a.0.weight"), width_of(state_dict, f"g_a.{last}.weight"))

    @classmethod
    def from_state_dict(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """Builds the model that a state dict belongs to, in evaluation mode.

        Args:
            state_dict: tensors by today's key names (:func:`licrt.trainer.checkpoint.current_keys`).

        Raises:
            KeyError, ValueError: the state dict lacks a layer that tells the sizes.
            RuntimeError: keys or shapes do not fit (as :meth:`torch.nn.Module.load_state_dict`).
        """
        with torch.random.fork_rng(devices=[]):
            model = cls.for_state_dict(state_dict)
        model.load_state_dict(state_dict)
        return model.eval()

    def update(self, *, force: bool = False) -> bool:
        """Fills the CDF tables of all entropy models; tables that are there stay unless ``force``.

        Returns:
            Whether any table is new.
        """
        updated = False
        for module in self.modules():
            if isinstance(module, EntropyModel):
                updated |= module.update(force=force)
        return updated

    def see_part_of_batches(self, part: int, parts: int) -> None:
        """Lets the training noise be that of one of several equal parts of a batch, counted from zero."""
        for module in self.modules():
            if isinstance(module, EntropyModel):
                module.part, module.parts = part, parts

    def aux_loss(self) -> Tensor:
        """The loss that trains the quantiles of the entropy bottleneck, a scalar; independent of any picture."""
        return self.entropy_bottleneck.loss()


def width_of(state_dict: Mapping[str, Tensor], key: str) -> int:
    """Output channels of the convolution with this weight.

    Raises:
        KeyError: there is no such weight.
        IndexError: it is a single number.
    """
    return state_dict[key].shape[0]
