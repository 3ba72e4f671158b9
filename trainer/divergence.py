"""Steps whose loss or gradient is not finite: kept in a file with all that is needed to take them again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from safetensors import safe_open

from licrt.runtime.errors import LicrtError, ModelError
from licrt.trainer.checkpoint import save_tensors
from licrt.trainer.processes import Processes
from licrt.trainer.recipe import parse_recipe, to_yaml
from licrt.trainer.state import TrainingState
from licrt.trainer.step import Measured, measure, seed_noise

if TYPE_CHECKING:
    from pathlib import Path

    from licrt.trainer.data import Batch
    from licrt.trainer.recipe import Recipe

_MODEL = "model."


class DivergedError(LicrtError):
    """Loss or gradient became infinite or not a number."""


def save_step(path: Path, state: TrainingState, recipe: Recipe, batch: Batch) -> None:
    """Write the batch of all processes, the weights before the step, and the recipe; all processes call this.

    Raises:
        PictureError: the file cannot be written.
    """
    tensors = {"crops": state.processes.join(batch.crops), "numbers": state.processes.join(batch.numbers)}
    if state.processes.leads:
        weights = {_MODEL + name: value for name, value in state.model.state_dict().items()}
        metadata = {"step": str(state.step), "seed": str(recipe.seed), "recipe": to_yaml(recipe)}
        save_tensors(tensors | weights, path, metadata)


def replay(path: str | Path, device: str = "cpu") -> Measured:
    """Measure a step that was saved once more, with the same weights, batch and noise.

    To look further into it, call this inside of :class:`torch.autograd.detect_anomaly`.

    Raises:
        ModelError: the file is missing, or was not written by a training run.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            metadata = file.metadata()
        recipe = replace(parse_recipe(metadata["recipe"], str(path)), checkpoint="", threads=0)
        state = TrainingState(recipe, Processes(torch.device(device)))
        weights = {name.removeprefix(_MODEL): value for name, value in tensors.items() if name.startswith(_MODEL)}
        state.model.load_state_dict(weights)
    except Exception as error:  # of four libraries that look at a file's contents
        raise ModelError(f"cannot replay {path}: expected a diverged.safetensors that train-model wrote") from error
    seed_noise(recipe, int(metadata["step"]))
    return measure(state, tensors["crops"], tensors["numbers"])
