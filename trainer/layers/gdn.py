"""Generalised divisive normalisation, its inverse, and its square-root-free variant."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from licrt.trainer.layers.bound import NonNegative


class GDN(nn.Module):
    """Generalised divisive normalisation: ``y_i = x_i / sqrt(beta_i + sum_j gamma_ij x_j^2)``.

    With ``inverse=True`` it multiplies instead. Ballé, Laparra and Simoncelli, "Density modeling of images using a
    generalized normalization transformation", ICLR 2016, equation 3, with exponents fixed to 2 and 1/2.

    The parameters ``beta`` [channels] and ``gamma`` [channels, channels] are stored in the form of
    :class:`~licrt.trainer.layers.bound.NonNegative`; :meth:`effective` gives the values in the formula.

    >>> GDN(2)(torch.ones(1, 2, 1, 1)).flatten().detach()
    tensor([0.9535, 0.9535])
    """

    simplified = False

    def __init__(self, channels: int, *, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta_reparam = NonNegative(minimum=1e-6)
        self.gamma_reparam = NonNegative()
        self.beta = nn.Parameter(self.beta_reparam.stored(torch.ones(channels)))
        self.gamma = nn.Parameter(self.gamma_reparam.stored(0.1 * torch.eye(channels)))

    def effective(self) -> tuple[Tensor, Tensor]:
        """Beta [channels] and gamma [channels, channels] of the formula; row i of gamma belongs to output i."""
        return self.beta_reparam(self.beta), self.gamma_reparam(self.gamma)

    def _pool(self, energy: Tensor) -> Tensor:
        beta, gamma = self.effective()
        return nn.functional.conv2d(energy, gamma[:, :, None, None], beta)

    def forward(self, x: Tensor) -> Tensor:
        """Normalises x [batch, channels, height, width]; the result has its shape."""
        norm = self._pool(x**2)
        return x * (torch.sqrt(norm) if self.inverse else torch.rsqrt(norm))


class GDN1(GDN):
    """GDN without squares and roots: ``y_i = x_i / (beta_i + sum_j gamma_ij |x_j|)``, inverse: times.

    Johnston, Eban, Gordon and Ballé, "Computationally efficient neural image compression", 2019, section 3.1.

    >>> GDN1(1)(torch.full((1, 1, 1, 1), 10.0)).item()
    5.0
    """

    simplified = True

    def forward(self, x: Tensor) -> Tensor:
        """Normalises x [batch, channels, height, width]; the result has its shape."""
        norm = self._pool(torch.abs(x))
        return x * (norm if self.inverse else 1.0 / norm)
