"""Rounding that training can see through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def straight_through_round(x: Tensor) -> Tensor:
    """Round, half to even, with the gradient of the identity.

    Theis, Shi, Cunningham and Huszár, "Lossy image compression with compressive autoencoders", ICLR 2017, section 2.1.

    >>> x = torch.tensor([0.4, 1.5], requires_grad=True)
    >>> y = straight_through_round(x)
    >>> y.sum().backward()
    >>> y.detach(), x.grad
    (tensor([0., 2.]), tensor([1., 1.]))
    """
    return x + (torch.round(x) - x).detach()
