"""The fully factorised prior: one learned density per channel."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from licrt.trainer.entropy_models.base import TAIL_MASS, EntropyModel, in_float32
from licrt.trainer.layers import straight_through_round

FILTERS = (1, 3, 3, 3, 3, 1)
INIT_SCALE = 10.0


class EntropyBottleneck(EntropyModel):
    """Fully factorised prior, one univariate density per channel.

    The cumulative distribution is a small monotone network; its parameters are ``matrices``, ``biases`` and
    ``factors``. Ballé, Minnen, Singh, Hwang and Johnston, "Variational image compression with a scale hyperprior", ICLR
    2018, appendix 6.1. ``quantiles`` [channels, 1, 3] follow the lower tail, median and upper tail of the density; only
    :meth:`loss` trains them.

    >>> latents, likelihoods = EntropyBottleneck(4).eval()(torch.zeros(1, 4, 2, 2))
    >>> latents.shape == likelihoods.shape == (1, 4, 2, 2)
    True
    """

    target: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers = len(FILTERS) - 1
        scale = INIT_SCALE ** (1 / layers)
        self.matrices, self.biases, self.factors = nn.ParameterList(), nn.ParameterList(), nn.ParameterList()
        for layer, (inputs, outputs) in enumerate(itertools.pairwise(FILTERS)):
            weight = math.log(math.expm1(1 / scale / outputs))
            self.matrices.append(nn.Parameter(torch.full((channels, outputs, inputs), weight)))
            self.biases.append(nn.Parameter(torch.empty(channels, outputs, 1).uniform_(-0.5, 0.5)))
            if layer < layers - 1:
                self.factors.append(nn.Parameter(torch.zeros(channels, outputs, 1)))
        self.quantiles = nn.Parameter(torch.tensor([-INIT_SCALE, 0.0, INIT_SCALE]).repeat(channels, 1, 1))
        logit = math.log(2 / TAIL_MASS - 1)
        self.register_buffer("target", torch.tensor([-logit, 0.0, logit]))

    @property
    def table_count(self) -> int:
        """One per channel."""
        return self.quantiles.shape[0]

    @property
    def medians(self) -> Tensor:
        """Median of each channel, float32 [channels]; symbols are ``round(x - median)``."""
        return self.quantiles[:, 0, 1].detach()

    def _cumulative_logits(self, x: Tensor, *, train_density: bool) -> Tensor:
        """Logit of the cumulative distribution at x [channels, 1, values]."""
        for layer, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            factor = self.factors[layer] if layer < len(self.factors) else None
            if not train_density:
                matrix, bias, factor = matrix.detach(), bias.detach(), None if factor is None else factor.detach()
            x = torch.matmul(nn.functional.softplus(matrix), x) + bias
            if factor is not None:
                x = x + torch.tanh(factor) * torch.tanh(x)
        return x

    def _bin_logits(self, x: Tensor, *, train_density: bool) -> tuple[Tensor, Tensor]:
        """Logits at the lower and upper end of the unit bins around x [channels, 1, values]."""
        lower = self._cumulative_logits(x - 0.5, train_density=train_density)
        return lower, self._cumulative_logits(x + 0.5, train_density=train_density)

    @in_float32
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Quantises x [batch, channels, height, width]; returns that and the likelihood of each value, of x's shape."""
        by_channel = x.transpose(0, 1).contiguous()
        shape = by_channel.shape
        values = self.quantize(by_channel.flatten(2), self.medians[:, None, None], batch_dim=1).flatten(1)[:, None]
        lower, upper = self._bin_logits(values, train_density=True)
        likelihood = self.likelihood_lower_bound(torch.sigmoid(upper) - torch.sigmoid(lower))
        return values.reshape(shape).transpose(0, 1), likelihood.reshape(shape).transpose(0, 1)

    def straight_through(self, x: Tensor) -> Tensor:
        """Rounds x [batch, channels, height, width] around the medians, with the gradient of the identity."""
        medians = self.medians[:, None, None]
        return straight_through_round(x - medians) + medians

    def loss(self) -> Tensor:
        """Auxiliary loss, a scalar: distance of the quantiles from where the density has its tails and its median."""
        return torch.abs(self._cumulative_logits(self.quantiles, train_density=False) - self.target).sum()

    @torch.no_grad()
    def update(self, *, force: bool = False) -> bool:
        """Fills the tables from the density, one per channel; tables that are there stay unless ``force``.

        Returns:
            Whether the tables are new.
        """
        if self.has_tables and not force:
            return False
        tail_low, medians, tail_high = self.quantiles[:, 0, :].unbind(1)
        minima = torch.ceil(medians - tail_low).int().clamp(min=0)
        maxima = torch.ceil(tail_high - medians).int().clamp(min=0)
        lengths = maxima + minima + 1
        steps = torch.arange(int(lengths.max()), device=medians.device)
        lower, upper = self._bin_logits(steps + (medians - minima)[:, None, None], train_density=False)
        pmf = torch.sigmoid(upper) - torch.sigmoid(lower)
        # The upper tail is taken at the end of the longest row, not of each row: tables must equal CompressAI's.
        tail_mass = torch.sigmoid(lower[:, 0, :1]) + torch.sigmoid(-upper[:, 0, -1:])
        self._fill_tables(pmf[:, 0, :], tail_mass, lengths, -minima)
        return True
