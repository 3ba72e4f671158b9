"""What training minimises."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from licrt.trainer.models.base import Output


class Loss(NamedTuple):
    """Scalars: the sum that is minimised, the rate in bits per pixel, and the mean squared error of pixels in 0…1."""

    total: Tensor
    bpp: Tensor
    mse: Tensor

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio of the float reconstruction in dB."""
        return -10 * math.log10(max(self.mse.item(), 1e-12))


def rate_distortion(output: Output, x: Tensor, lmbda: float) -> Loss:
    """Lagrangian of rate and distortion, ``lmbda * 255^2 * MSE + bpp``.

    Ballé et al., "Variational image compression with a scale hyperprior", ICLR 2018, section 2; lmbda as in CompressAI.

    Args:
        output: what a model made of x.
        x: pictures, float [batch, 3, height, width] in 0…1.
        lmbda: weight of the distortion, about 0.002 (small files) to 0.2 (high fidelity).

    >>> x = torch.zeros(1, 3, 2, 2)
    >>> rate_distortion({"x_hat": x + 0.1, "likelihoods": {"y": torch.tensor([0.5, 0.125])}}, x, 0.01).bpp
    tensor(1.)
    """
    pixels = x.shape[0] * x.shape[2] * x.shape[3]
    bits = [-torch.log2(likelihoods).sum() for likelihoods in output["likelihoods"].values()]
    bpp = torch.stack(bits).sum() / pixels
    mse = torch.nn.functional.mse_loss(output["x_hat"], x)
    return Loss(lmbda * 255**2 * mse + bpp, bpp, mse)
