"""The training loop: runs that can be stopped at any moment and resume to exactly the numbers they would have had."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from licrt.runtime.errors import BackendError, LicrtError, PictureError
from licrt.runtime.files import write_file
from licrt.trainer.checkpoint import save_checkpoint
from licrt.trainer.data import find_pictures, open_batches
from licrt.trainer.metrics import append_record, drop_records_after
from licrt.trainer.models import ARCHITECTURES
from licrt.trainer.objective import objective_of
from licrt.trainer.recipe import Recipe, RecipeError, to_yaml
from licrt.trainer.state import AVERAGED, TrainingState
from licrt.trainer.validation import validate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from licrt.trainer.objective import Objective

STATE, MODEL, METRICS, RECIPE = "state.pth.tar", "model.pth.tar", "metrics.jsonl", "recipe.yaml"


class DivergedError(LicrtError):
    """The loss became infinite or not a number."""


def train(recipe: Recipe, *, resume: bool = False, say: Callable[[str], None] = lambda _: None) -> Path:
    """Train a model as a recipe says.

    Files in the recipe's output folder: ``recipe.yaml``, ``metrics.jsonl`` (one record every ``log_every`` steps),
    ``state.pth.tar`` (the latest training state) and, at the end, ``model.pth.tar``: a state dict with CDF
    tables, which CompressAI can load too.

    Args:
        recipe: what to do.
        resume: continue from ``state.pth.tar``; otherwise the folder must not hold a run.
        say: called with a line of text now and then.

    Returns:
        Path of ``model.pth.tar``.

    Raises:
        RecipeError: the architecture is unknown, or the crop does not fit it.
        PictureError: no pictures, a file cannot be written, or the folder holds a run.
        ModelError: the training state is missing, damaged, or of another model.
        BackendError: the device is not there.
        DivergedError: the loss is not finite.
    """
    _check(recipe)
    pictures, held_out = find_pictures(recipe.train_folders), find_pictures(recipe.validation_folders)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    state = TrainingState(recipe, pick_device(recipe.device))
    objective = objective_of(recipe, state.model)
    folder = _open_folder(recipe, state, resume=resume)
    reporter = _Reporter(say)
    batches = open_batches(
        pictures,
        side=recipe.crop,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        start=state.samples,
        workers=recipe.workers,
    )
    clock = time.monotonic()
    while state.step < recipe.steps:
        batch = next(batches)
        reporter.unusable(batch.unusable)
        if len(batch.crops) < recipe.batch_size:
            raise PictureError(f"none of {len(pictures)} pictures can be used; {next(iter(batch.unusable.values()))}")
        _update(state, batch.crops, batch.numbers, recipe, objective)
        if state.step % recipe.log_every == 0:
            reporter.record(folder, state.step, _averages(state, recipe) | {"seconds": time.monotonic() - clock})
            clock = time.monotonic()
        if held_out and state.step % recipe.validate_every == 0:
            measured, unusable = validate(state.model, held_out, recipe.lmbda)
            reporter.unusable(unusable)
            reporter.record(folder, state.step, measured)
        if state.step % recipe.checkpoint_every == 0 or state.step == recipe.steps:
            state.save(folder / STATE)
    model = state.model.eval().cpu()
    model.update(force=True)
    save_checkpoint(model.state_dict(), folder / MODEL)
    return folder / MODEL


def pick_device(name: str) -> torch.device:
    """The device of a name; ``auto`` is CUDA where there is one, else the CPU.

    Raises:
        BackendError: it is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # torch asserts where it was built without CUDA
        raise BackendError(f"no device {name!r}: {str(error).splitlines()[0]}. Pass device=cpu") from error


class _Reporter:
    """Says what happens, and each picture's fault once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._reported: set[Path] = set()

    def unusable(self, pictures: Mapping[Path, str]) -> None:
        for path, reason in pictures.items():
            if path not in self._reported:
                self._say(f"skipped: {reason}")
        self._reported |= pictures.keys()

    def record(self, folder: Path, step: int, values: dict[str, float]) -> None:
        append_record(folder / METRICS, {"step": step, **values})
        self._say(f"step {step}: " + ", ".join(f"{key} {value:.4g}" for key, value in values.items()))


def _check(recipe: Recipe) -> None:
    if recipe.arch not in ARCHITECTURES:
        raise RecipeError(f"unknown architecture {recipe.arch!r}; expected one of {', '.join(ARCHITECTURES)}")
    stride = ARCHITECTURES[recipe.arch].stride
    if recipe.crop % stride:
        raise RecipeError(f"crop is {recipe.crop}, expected a multiple of {stride} for {recipe.arch}")


def _open_folder(recipe: Recipe, state: TrainingState, *, resume: bool) -> Path:
    folder = Path(recipe.output)
    if resume:
        state.restore(folder / STATE)
    elif (folder / STATE).exists() or (folder / MODEL).exists():
        raise PictureError(f"{folder} holds a run already. Pass --resume to continue it, or another output=FOLDER")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"cannot create {folder}: {error.strerror}") from error
    write_file(str(folder / RECIPE), to_yaml(recipe).encode(), force=True)
    drop_records_after(folder / METRICS, state.step)
    return folder


def _update(state: TrainingState, crops: Tensor, numbers: Tensor, recipe: Recipe, objective: Objective) -> None:
    x = crops.to(state.device).float() / 255
    for group in state.optimizer.param_groups:
        group["lr"] = recipe.learning_rate_at(state.step)
    state.optimizer.zero_grad()
    loss = objective(state.model, x, numbers)
    loss.total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.weights, recipe.clip_norm)
    state.optimizer.step()
    state.aux_optimizer.zero_grad()
    aux_loss = state.model.aux_loss()
    aux_loss.backward()  # type: ignore[no-untyped-call]
    state.aux_optimizer.step()
    state.step += 1
    state.samples += len(crops)
    state.sums += torch.stack([loss.total, loss.bpp, loss.mse, aux_loss]).detach().double().cpu()
    if not torch.isfinite(state.sums).all():
        raise DivergedError(f"the loss is not finite at step {state.step}. Resume with a lower learning_rate")


def _averages(state: TrainingState, recipe: Recipe) -> dict[str, float]:
    """Means since the last record; starts new ones."""
    means = dict(zip(AVERAGED, (state.sums / recipe.log_every).tolist(), strict=True))
    state.sums.zero_()
    psnr = -10 * math.log10(max(means["mse"], 1e-12))
    return means | {"psnr": psnr, "learning_rate": recipe.learning_rate_at(state.step - 1)}
