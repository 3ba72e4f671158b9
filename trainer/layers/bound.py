"""Bounds on trained values that let the gradient move a value back into its range."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class _BoundedBelow(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bound: Tensor) -> Tensor:
        ctx.save_for_backward(x, bound)
        return torch.maximum(x, bound)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        x, bound = ctx.saved_tensors
        (grad,) = grad_outputs
        # A descent step against a negative gradient raises x: below the bound only such steps may pass.
        return grad * ((x >= bound) | (grad < 0)), None


class LowerBound(nn.Module):
    """Computes ``max(x, bound)``, whose gradient below the bound is kept where descent would raise x.

    A plain maximum has no gradient below the bound, so a value that once fell there would never come back.

    >>> x = torch.tensor([0.5, 2.0], requires_grad=True)
    >>> LowerBound(1.0)(x).sum().backward()
    >>> x.grad
    tensor([0., 1.])
    """

    bound: Tensor

    def __init__(self, bound: float) -> None:
        super().__init__()
        self.register_buffer("bound", torch.tensor([bound], dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """Returns the bounded tensor, of x's shape."""
        if torch.is_grad_enabled() and x.requires_grad:
            return _BoundedBelow.apply(x, self.bound)  # type: ignore[no-any-return, no-untyped-call]
        return torch.maximum(x, self.bound)  # the same numbers, in an operator that every exporter knows


class NonNegative(nn.Module):
    """Reparametrisation of a non-negative value: stored as ``sqrt(value + 2^-36)``.

    Near zero the gradient of the stored number is small, which keeps training stable
    (Ballé, Laparra and Simoncelli, "End-to-end optimized image compression", ICLR 2017, appendix 6.3).

    >>> reparametrisation = NonNegative(minimum=1e-6)
    >>> stored = reparametrisation.stored(torch.tensor([0.25]))
    >>> reparametrisation(stored)
    tensor([0.2500])
    """

    pedestal: Tensor

    def __init__(self, minimum: float = 0.0) -> None:
        super().__init__()
        pedestal = 2.0**-36
        self.register_buffer("pedestal", torch.tensor([pedestal], dtype=torch.float32))
        self.lower_bound = LowerBound((minimum + pedestal) ** 0.5)

    def stored(self, value: Tensor) -> Tensor:
        """The stored form of a value."""
        return torch.sqrt(torch.maximum(value + self.pedestal, self.pedestal))

    def forward(self, stored: Tensor) -> Tensor:
        """The value of a stored form."""
        bounded: Tensor = self.lower_bound(stored)
        return bounded**2 - self.pedestal
