"""The conditional prior: a Gaussian whose scale, and perhaps mean, comes from the hyper-synthesis."""

from __future__ import annotations

import math
from statistics import NormalDist

import torch
from torch import Tensor

from licrt.trainer.entropy_models.base import TAIL_MASS, EntropyModel, in_float32
from licrt.trainer.layers import LowerBound

SCALE_MIN, SCALE_MAX, SCALE_LEVELS = 0.11, 256.0, 64


def default_scale_table() -> Tensor:
    """The scales that have a table: float32 [64], logarithmically spaced from 0.11 to 256."""
    return torch.exp(torch.linspace(math.log(SCALE_MIN), math.log(SCALE_MAX), SCALE_LEVELS))


class GaussianConditional(EntropyModel):
    """Gaussian convolved with a unit box, with a scale (and mean) per latent.

    Ballé, Minnen, Singh, Hwang and Johnston, "Variational image compression with a scale hyperprior", ICLR 2018,
    section 3; with means, Minnen, Ballé and Toderici, NeurIPS 2018.

    >>> prior = GaussianConditional().eval()
    >>> latents, likelihoods = prior(torch.full((1, 1, 1, 1), 0.7), torch.full((1, 1, 1, 1), 0.5))
    >>> latents.item(), round(likelihoods.item(), 4)
    (1.0, 0.1573)
    """

    scale_table: Tensor
    scale_bound: Tensor
    resizable = (*EntropyModel.resizable, "scale_table")

    def __init__(self) -> None:
        super().__init__()
        self.lower_bound_scale = LowerBound(SCALE_MIN)
        self.register_buffer("scale_table", torch.empty(0))
        self.register_buffer("scale_bound", torch.tensor([SCALE_MIN]))

    @property
    def table_count(self) -> int:
        """One per scale."""
        return self.scale_table.numel()

    @staticmethod
    def _cumulative(x: Tensor) -> Tensor:
        """Standard normal distribution function, precise in the lower tail."""
        return 0.5 * torch.erfc(-(2**-0.5) * x)

    @in_float32
    def forward(self, x: Tensor, scales: Tensor, means: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Quantises x [batch, channels, height, width] around the means, if any.

        Args:
            x: latents.
            scales: standard deviations, of x's shape; bounded to at least 0.11.
            means: of x's shape, or None for zero.

        Returns:
            The quantised latents and the likelihood of each, both of x's shape.
        """
        x_hat = self.quantize(x, means)
        distance = torch.abs(x_hat if means is None else x_hat - means)
        scales = self.lower_bound_scale(scales)
        likelihood = self._cumulative((0.5 - distance) / scales) - self._cumulative((-0.5 - distance) / scales)
        return x_hat, self.likelihood_lower_bound(likelihood)

    def build_indexes(self, scales: Tensor) -> Tensor:
        """Table of each scale, int32 of its shape: the smallest entry of the scale table that is not below it.

        Scales above all entries get the last one.
        """
        bounded: Tensor = self.lower_bound_scale(scales)
        return torch.bucketize(bounded, self.scale_table[:-1], out_int32=True)

    @torch.no_grad()
    def update(self, *, force: bool = False) -> bool:
        """Fills the tables, one per entry of the default scale table; tables that are there stay unless ``force``.

        Returns:
            Whether the tables are new.
        """
        if self.has_tables and not force:
            return False
        self.scale_table = default_scale_table().to(self.scale_bound.device)
        tail = -NormalDist().inv_cdf(TAIL_MASS / 2)
        centers = torch.ceil(self.scale_table * tail).int()
        lengths = 2 * centers + 1
        steps = torch.arange(int(lengths.max()), device=centers.device)
        distance = torch.abs(steps - centers[:, None]).float()
        scales = self.scale_table[:, None]
        lower = self._cumulative((-0.5 - distance) / scales)
        pmf = self._cumulative((0.5 - distance) / scales) - lower
        self._fill_tables(pmf, 2 * lower[:, :1], lengths, -centers)
        return True
