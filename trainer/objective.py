"""What a run minimises, as a function of a model and a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licrt.trainer.losses import Loss, rate_distortion

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from licrt.trainer.models import CompressionModel
    from licrt.trainer.recipe import Recipe

    # (model, pictures float [batch, 3, height, width] in 0…1, int64 [batch]: numbers of these samples in the run)
    Objective = Callable[[nn.Module, Tensor, Tensor], Loss]


def objective_of(recipe: Recipe, model: CompressionModel) -> Objective:
    """The objective of a recipe: means over the batch, so that parts of a batch average to the whole.

    Whatever is drawn at random for a sample follows from the recipe's seed and the sample's number alone.
    """
    del model

    def objective(model: nn.Module, x: Tensor, numbers: Tensor) -> Loss:
        del numbers
        return rate_distortion(model(x), x, recipe.lmbda)

    return objective
