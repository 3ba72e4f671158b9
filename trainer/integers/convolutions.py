"""Convolutions known by what they hold and compute, not by their class: CompressAI's, licrt's and others' alike.

A **masked convolution** is a ``Conv2d`` with a buffer ``mask`` of its weight's shape, whatever its ``forward`` does to
the weight.
"""

from __future__ import annotations

from torch import Tensor, nn

Convolution = nn.Conv2d | nn.ConvTranspose2d


def is_masked(convolution: Convolution) -> bool:
    """Whether a convolution is a masked one."""
    mask = getattr(convolution, "mask", None)
    return isinstance(mask, Tensor) and mask.shape == convolution.weight.shape


def masked_weight(convolution: Convolution) -> Tensor:
    """The weight that counts, differentiable: zeros under a mask."""
    weight: Tensor = convolution.weight
    return weight * convolution.mask if is_masked(convolution) else weight  # type: ignore[operator]


def effective_weight(convolution: Convolution) -> Tensor:
    """The weight that counts, without gradient."""
    return masked_weight(convolution).detach()


def has_standard_forward(convolution: Convolution) -> bool:
    """Whether a convolution computes what its attributes say: a subclass may do anything."""
    forward = type(convolution).forward
    return is_masked(convolution) or forward in (nn.Conv2d.forward, nn.ConvTranspose2d.forward)
