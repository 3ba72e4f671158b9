"""Optimisers and learning rates, by the names that torch gives them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import lr_scheduler

from licrt.runtime.errors import first_line
from licrt.trainer.recipe import Recipe, RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn


_RATES = {"lr", "initial_lr", "max_lr", "min_lr"}  # of a group of parameters, as optimisers and schedules keep them


def make_optimizer(parameters: Sequence[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser of a recipe, fused into one operation where torch has that and no option forbids it.

    Raises:
        RecipeError: torch has none of this name, or it does not take these options or parameters.

    >>> recipe = Recipe(optimizer="SGD", optimizer_options={"momentum": 0.9}, learning_rate=0.5)
    >>> make_optimizer([torch.nn.Parameter(torch.zeros(1))], recipe).defaults["lr"]
    0.5
    """
    found = getattr(torch.optim, recipe.optimizer, None)
    # LBFGS asks for the loss several times a step.
    if not (isinstance(found, type) and issubclass(found, torch.optim.Optimizer)) or found is torch.optim.LBFGS:
        raise RecipeError(f"unknown optimizer {recipe.optimizer!r}; expected a class of torch.optim, such as AdamW")
    options = recipe.optimizer_options
    # Four times as fast where one core trains; torch asks for it by itself on no device.
    fused = "fused" in inspect.signature(found).parameters and not {"foreach", "differentiable"} & options.keys()
    try:
        return found(parameters, lr=recipe.learning_rate, **({"fused": True} if fused else {}) | options)  # type: ignore[call-arg]
    except (TypeError, ValueError, RuntimeError) as error:
        raise RecipeError(f"optimizer_options do not fit {recipe.optimizer}: {first_line(error)}") from error


class LearningRate:
    """The learning rate of an optimiser: a linear rise, then one of torch's schedules.

    The schedule sees the steps after the rise only. Arguments of it that follow from the recipe have these as defaults:
    ``total_steps`` and ``T_max`` are the steps after the rise, ``max_lr`` is the recipe's learning rate.

    Raises:
        RecipeError: torch has no schedule of this name, it does not take these options, or it needs validations.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, recipe: Recipe) -> None:
        self._optimizer = optimizer  # whose groups are others after it loaded a state
        self._schedule = _make_schedule(optimizer, recipe)
        self._name = recipe.schedule
        self._base = recipe.learning_rate
        self._start = [group["lr"] for group in self._optimizer.param_groups]
        self._warmup = recipe.warmup_steps
        self._rise(0)

    @property
    def value(self) -> float:
        """The learning rate of the next step."""
        return float(self._optimizer.param_groups[0]["lr"])

    def advance(self, step: int) -> None:
        """To be called after each update with the number of updates so far.

        Raises:
            RecipeError: the schedule is over.
        """
        if step <= self._warmup:
            self._rise(step)
        elif self._schedule is not None and not isinstance(self._schedule, lr_scheduler.ReduceLROnPlateau):
            try:
                self._schedule.step()
            except ValueError as error:
                raise RecipeError(f"schedule {self._name} ended before step {step}: {first_line(error)}") from error

    def validated(self, step: int, loss: float) -> None:
        """To be called after each validation with the number of updates so far and its loss."""
        if step > self._warmup and isinstance(self._schedule, lr_scheduler.ReduceLROnPlateau):
            self._schedule.step(loss)

    def state_dict(self) -> dict[str, Any]:
        """What :meth:`load_state_dict` takes; the optimiser's own state has the learning rate itself."""
        schedule = {} if self._schedule is None else self._schedule.state_dict()
        return {"base": self._base, "name": self._name, "schedule": schedule}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue a schedule, after the optimiser's state was loaded; scaled if the recipe's learning rate is another.

        Raises:
            ValueError: it is another schedule's state.
        """
        if state["name"] != self._name:
            raise ValueError(f"state of schedule {state['name']!r}, not of {self._name!r}")
        if self._schedule is not None:
            self._schedule.load_state_dict(state["schedule"])
        factor = self._base / state["base"]
        for group in self._optimizer.param_groups:
            group.update({key: group[key] * factor for key in _RATES & group.keys()})
        if self._schedule is not None and not isinstance(self._schedule, lr_scheduler.ReduceLROnPlateau):
            self._schedule.base_lrs = [rate * factor for rate in self._schedule.base_lrs]

    def _rise(self, step: int) -> None:
        if self._warmup:
            for group, start in zip(self._optimizer.param_groups, self._start, strict=True):
                group["lr"] = start * min(1.0, (step + 1) / self._warmup)


def _make_schedule(optimizer: torch.optim.Optimizer, recipe: Recipe) -> lr_scheduler.LRScheduler | None:
    if not recipe.schedule:
        return None
    found = getattr(lr_scheduler, recipe.schedule, None)
    if not (isinstance(found, type) and issubclass(found, lr_scheduler.LRScheduler)):
        raise RecipeError(
            f"unknown schedule {recipe.schedule!r}; expected a class of torch.optim.lr_scheduler, such as OneCycleLR"
        )
    if found is lr_scheduler.ReduceLROnPlateau and not recipe.validation_folders:
        raise RecipeError("schedule ReduceLROnPlateau follows the loss of validations; set validation_folders")
    steps = max(1, recipe.steps - recipe.warmup_steps)
    known: dict[str, dict[str, Any]] = {
        "CosineAnnealingLR": {"T_max": steps},
        "OneCycleLR": {"total_steps": steps, "max_lr": recipe.learning_rate},
    }
    try:
        return found(optimizer, **known.get(recipe.schedule, {}) | recipe.schedule_options)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"schedule_options do not fit {recipe.schedule}: {first_line(error)}") from error
