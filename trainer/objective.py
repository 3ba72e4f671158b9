"""What a recipe lets a model minimise: at one rate, or at many."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from licrt.trainer.losses import LAMBDAS, MS_SSIM_SIDE, Loss, Metric, picture_losses, rate_distortion
from licrt.trainer.models.variable_rate import VariableRate
from licrt.trainer.recipe import Recipe, RecipeError

if TYPE_CHECKING:
    from licrt.trainer.models import CompressionModel

# Of a model (which may be wrapped for several machines), pictures x, float [batch, 3, height, width] in 0…1, and the
# numbers of these samples in the run, int64 [batch]: what is drawn at random depends on the seed and on them only.
Objective: TypeAlias = Callable[[nn.Module, Tensor, Tensor], Loss]

_LEVELS = 1  # what is drawn from (seed, number, 1)


def objective_of(recipe: Recipe, model: CompressionModel) -> Objective:
    """The loss of a training step.

    A model of one rate has the loss of :func:`~licrt.trainer.losses.rate_distortion`. For one of a variable rate,
    ``lmbda`` is the weight of its highest level, the others have theirs in the published ratios, and ``stage`` says:

    - ``1``: the networks as those of a model with one rate, at the highest level's weight.
    - ``2``: all networks, each picture at a level drawn at random, with its weight of the distortion (Kamisli, Racapé
      and Choi, DCC 2024; CompressAI). From a checkpoint of stage 1.
    - ``joint``: the same from the start, with every picture's loss multiplied by :func:`level_weights`.

    The loss of a batch is the mean over its pictures, so that parts of a batch average to the whole.

    Raises:
        RecipeError: metric or stage is unknown, or the stage not one of this model; crops are too small for MS-SSIM.
    """
    for key, choices in (("metric", tuple(LAMBDAS)), ("stage", _stages(model))):
        if (value := getattr(recipe, key)) not in choices:
            expected = ", ".join(choices) or "nothing"
            raise RecipeError(f"{key} is {value!r}, expected {expected} for {recipe.arch}")
    if recipe.metric == "ms-ssim" and recipe.crop < MS_SSIM_SIDE:
        raise RecipeError(f"crop is {recipe.crop}, expected {MS_SSIM_SIDE} or more for metric=ms-ssim")
    if not recipe.stage:
        return lambda network, x, _: rate_distortion(network(x), x, recipe.lmbda, recipe.metric)
    if recipe.stage == "1":
        return lambda network, x, _: rate_distortion(network(x, stage=1), x, recipe.lmbda, recipe.metric)
    lambdas = level_lambdas(recipe.lmbda, recipe.metric)
    weights = level_weights(lambdas) if recipe.stage == "joint" else torch.ones(len(lambdas))

    def at_random_levels(network: nn.Module, x: Tensor, numbers: Tensor) -> Loss:
        levels = draw_levels(recipe.seed, numbers, len(lambdas)).to(x.device)
        losses = picture_losses(network(x, stage=2, s=levels), x, lambdas.to(x.device)[levels], recipe.metric)
        return losses._replace(total=weights.to(x.device)[levels] * losses.total).mean()

    return at_random_levels


def _stages(model: CompressionModel) -> tuple[str, ...]:
    if not isinstance(model, VariableRate):
        return ("",)
    return ("1", "2", "joint") if model.has_a_single_rate() else ("2", "joint")


def level_lambdas(highest: float, metric: Metric) -> Tensor:
    """Weights of the distortion of a variable-rate model's levels, float [8]: published ones, scaled to the highest.

    >>> level_lambdas(0.18, "mse")[:3]
    tensor([0.0018, 0.0035, 0.0067])
    """
    published = LAMBDAS[metric]
    return torch.tensor([highest * lmbda / published[-1] for lmbda in published])


def level_weights(lambdas: Tensor) -> Tensor:
    """Weights of the levels' losses, proportional to ``lambda^-0.5``, 1 on average.

    The rate of a codec grows about with the square root of lambda, and so does the loss. With these weights a per cent
    of the rate counts the same at every level; without them the highest levels are all that training sees.

    >>> level_weights(torch.tensor([0.01, 0.04]))
    tensor([1.3333, 0.6667])
    """
    weights = lambdas**-0.5
    return weights / weights.mean()


def draw_levels(seed: int, numbers: Tensor, count: int) -> Tensor:
    """A level for each sample, int64 [batch] on the CPU, all of 0…count-1 equally likely.

    >>> draw_levels(0, torch.tensor([5, 6, 7]), 8)[1:].equal(draw_levels(0, torch.tensor([6, 7]), 8))
    True
    """
    drawn = [np.random.default_rng((seed, number, _LEVELS)).integers(count) for number in numbers.tolist()]
    return torch.tensor(drawn, dtype=torch.int64)
