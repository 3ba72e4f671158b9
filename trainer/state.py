"""The state of a training run: all that the next step depends on."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import torch

from licrt.runtime.errors import ModelError
from licrt.trainer.average import copy_buffers, start_average, update_average
from licrt.trainer.checkpoint import load_checkpoint, read_file, save_checkpoint
from licrt.trainer.integer_aware import prepare
from licrt.trainer.models import ARCHITECTURES
from licrt.trainer.objective import objective_of
from licrt.trainer.optim import LearningRate, make_optimizer
from licrt.trainer.step import Criterion, Measured

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from torch import Tensor

    from licrt.trainer.models import CompressionModel
    from licrt.trainer.processes import Processes
    from licrt.trainer.recipe import Recipe


class TrainingState:
    """Model, optimisers, position and sums of the metrics since the last record.

    Initial weights follow from the recipe's seed. Random numbers of later steps follow from it and from their number,
    so no generator's state is kept.

    Args:
        recipe: of the run.
        processes: that train the model.
        calibration: pictures that give the ranges of integer-aware training, float [batch, 3, height, width] in 0…1.

    Attributes:
        model: in training mode, on the device.
        average: moving average of the model, or None.
        objective: what is minimised.
        criterion: its value for the model, a module of (pictures, numbers of the samples).
        weights: all parameters that are trained, but the quantiles.
        optimizer, aux_optimizer: of the weights, and of the quantiles.
        learning_rate: of the former.
        processes: that train this model.
        step: updates made.
        samples: crops used, of all processes.
        sums: of what steps measured since the last record, float64.
        best_loss: the least loss of a validation so far.
    """

    def __init__(self, recipe: Recipe, processes: Processes, calibration: Iterable[Tensor] = ()) -> None:
        torch.manual_seed(recipe.seed)
        self.processes = processes
        self.device = processes.device
        self.model = _initial(recipe).to(self.device).train()
        if recipe.integer_aware:
            prepare(self.model, recipe.integer_aware, calibration)
        self.model.see_part_of_batches(processes.rank, processes.world)
        self._decay = recipe.ema_decay
        self.average = start_average(self.model) if recipe.ema_decay else None
        quantiles = self.model.entropy_bottleneck.quantiles
        self.weights = [each for each in self.model.parameters() if each is not quantiles and each.requires_grad]
        self.optimizer = make_optimizer(self.weights, recipe)
        self.learning_rate = LearningRate(self.optimizer, recipe)
        self.aux_optimizer = torch.optim.Adam([quantiles], recipe.aux_learning_rate)
        self.objective = objective_of(recipe, self.model)
        self.criterion = processes.wrap(Criterion(self.model, self.objective, recipe.precision), [quantiles])
        self.step = 0
        self.samples = 0
        self.sums = torch.zeros(len(Measured._fields), dtype=torch.float64)
        self.best_loss = math.inf

    @property
    def measured_model(self) -> CompressionModel:
        """The model that validations measure and checkpoints have: the average, where there is one."""
        if self.average is None:
            return self.model
        copy_buffers(self.average, self.model)
        return self.average

    def finished_model(self) -> CompressionModel:
        """A copy of it on the CPU, in evaluation mode, with CDF tables."""
        model = copy.deepcopy(self.measured_model).cpu().eval()
        model.update(force=True)
        return model

    def advance(self, samples: int) -> None:
        """Count an update that was made with so many crops."""
        self.step += 1
        self.samples += samples
        self.learning_rate.advance(self.step)
        if self.average is not None:
            update_average(self.average, self.model, self._decay, self.step)

    def save(self, path: Path) -> None:
        """Write the state; a model can be loaded from it as from any checkpoint.

        Raises:
            PictureError: it cannot be written.
        """
        save_checkpoint(
            {
                "state_dict": self.model.state_dict(),
                "average": {} if self.average is None else self.average.state_dict(),
                "optimizer_name": type(self.optimizer).__name__,
                "optimizer": self.optimizer.state_dict(),
                "aux_optimizer": self.aux_optimizer.state_dict(),
                "learning_rate": self.learning_rate.state_dict(),
                "step": self.step,
                "samples": self.samples,
                "sums": self.sums,
                "best_loss": self.best_loss,
            },
            path,
        )

    def restore(self, path: Path) -> None:
        """Take over a state that was saved.

        Raises:
            ModelError: it is missing, damaged, or of another model.
        """
        content: dict[str, Any] = read_file(path)
        try:
            self.model.load_state_dict(content["state_dict"])
            if self.average is not None:
                self.average.load_state_dict(content["average"] or content["state_dict"])
            _expect_optimizer(self.optimizer, content["optimizer_name"])
            self.optimizer.load_state_dict(content["optimizer"])
            self.aux_optimizer.load_state_dict(content["aux_optimizer"])
            self.learning_rate.load_state_dict(content["learning_rate"])
            self.step, self.samples = content["step"], content["samples"]
            self.sums, self.best_loss = content["sums"], content["best_loss"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"cannot resume from {path}: it is damaged, or of another architecture, size, optimizer or"
                " schedule than the recipe's"
            ) from error


def _expect_optimizer(optimizer: torch.optim.Optimizer, name: str) -> None:
    """Another one's state may well load, and mean nothing."""
    if type(optimizer).__name__ != name:
        raise ValueError(f"a state of {name}")


def _initial(recipe: Recipe) -> CompressionModel:
    """The model that a run starts from; its tables are made anew for every checkpoint.

    Raises:
        ModelError: the recipe's checkpoint cannot be read, or is of other sizes than the recipe's.
    """
    model = ARCHITECTURES[recipe.arch](recipe.channels, recipe.latent_channels)
    if not recipe.checkpoint:
        return model
    trained = load_checkpoint(recipe.checkpoint, recipe.arch)
    if (trained.channels, trained.latent_channels) != (recipe.channels, recipe.latent_channels):
        raise ModelError(
            f"checkpoint {recipe.checkpoint} has {trained.channels} and {trained.latent_channels} channels. "
            f"Set channels={trained.channels} latent_channels={trained.latent_channels}"
        )
    model.load_state_dict({**model.state_dict(), **dict(trained.named_parameters())})
    return model
