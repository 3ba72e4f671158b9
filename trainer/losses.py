"""What training minimises: rate plus distortion, with the weights that CompressAI has made usual."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from pytorch_msssim import ms_ssim
from torch import Tensor, nn

from licrt.trainer.models.variable_rate import LAMBDAS as MSE_LAMBDAS

if TYPE_CHECKING:
    from licrt.trainer.models.base import Output

Metric = Literal["mse", "ms-ssim"]

# Weights of the distortion that CompressAI's models of quality 1 to 8 are trained with.
LAMBDAS: dict[Metric, tuple[float, ...]] = {
    "mse": MSE_LAMBDAS,
    "ms-ssim": (2.4, 4.58, 8.73, 16.64, 31.73, 60.5, 115.37, 220.0),
}
MS_SSIM_SIDE = 161  # the least side of a picture: a window of 11 has to fit into a sixteenth of it


class Loss(NamedTuple):
    """The sum that is minimised, the rate in bits per pixel, and the mean squared error of pixels in 0…1.

    Scalars, or one number per picture, float [batch].
    """

    total: Tensor
    bpp: Tensor
    mse: Tensor

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio of the float reconstruction in dB, of a loss of scalars."""
        return -10 * math.log10(max(self.mse.item(), 1e-12))

    def mean(self) -> Loss:
        """The mean over the pictures of a batch."""
        return Loss(*(each.mean() for each in self))


def rate_distortion(output: Output, x: Tensor, lmbda: float, metric: Metric = "mse") -> Loss:
    """Lagrangian of rate and distortion: ``lmbda * 255^2 * MSE + bpp`` or ``lmbda * (1 - MS-SSIM) + bpp``.

    Ballé et al., "Variational image compression with a scale hyperprior", ICLR 2018, section 2; lmbda as in CompressAI,
    see :data:`LAMBDAS`.

    Args:
        output: what a model made of x.
        x: pictures, float [batch, 3, height, width] in 0…1; sides of at least 161 pixels for MS-SSIM.
        lmbda: weight of the distortion.
        metric: of the distortion.

    >>> x = torch.zeros(1, 3, 2, 2)
    >>> rate_distortion({"x_hat": x + 0.1, "likelihoods": {"y": torch.tensor([[0.5, 0.125]])}}, x, 0.01).bpp
    tensor(1.)
    """
    return picture_losses(output, x, lmbda, metric).mean()


def picture_losses(output: Output, x: Tensor, lmbda: float | Tensor, metric: Metric = "mse") -> Loss:
    """The same for every picture by itself.

    In float32, whatever precision the model ran in.

    Args:
        output: what a model made of x; its likelihoods are [batch, …].
        x: pictures, float [batch, 3, height, width] in 0…1.
        lmbda: weight of the distortion, one for all or [batch].
        metric: of the distortion: ``mse``, or ``ms-ssim``, the multi-scale structural similarity of Wang, Simoncelli
            and Bovik, "Multiscale structural similarity for image quality assessment", Asilomar 2003.

    >>> x = torch.zeros(2, 3, 2, 2)
    >>> likelihoods = torch.tensor([[0.5, 0.125], [1.0, 1.0]])
    >>> picture_losses({"x_hat": x, "likelihoods": {"y": likelihoods}}, x, torch.tensor([1.0, 2.0])).bpp
    tensor([1., 0.])
    """
    with torch.autocast(x.device.type, enabled=False):
        x, x_hat = x.float(), output["x_hat"].float()
        bits = [-torch.log2(likelihoods.float()).flatten(1).sum(1) for likelihoods in output["likelihoods"].values()]
        bpp = torch.stack(bits).sum(0) / (x.shape[2] * x.shape[3])
        mse = nn.functional.mse_loss(x_hat, x, reduction="none").flatten(1).mean(1)
        distortion = 255**2 * mse if metric == "mse" else 1 - ms_ssim(x_hat, x, 1.0, size_average=False)
        return Loss(lmbda * distortion + bpp, bpp, mse)
