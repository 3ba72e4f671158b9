"""The training loop: runs that can be killed at any moment and resume to exactly the numbers they would have had."""

from __future__ import annotations

import itertools
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from licrt.runtime.errors import PictureError
from licrt.runtime.files import make_directory, write_file
from licrt.trainer.checkpoint import save_model
from licrt.trainer.data import find_files, open_batches, open_pictures
from licrt.trainer.divergence import DivergedError, save_step
from licrt.trainer.models import ARCHITECTURES
from licrt.trainer.processes import open_processes
from licrt.trainer.progress import open_progress
from licrt.trainer.recipe import Recipe, RecipeError, to_yaml
from licrt.trainer.reporter import Reporter, psnr
from licrt.trainer.settings import torch_settings
from licrt.trainer.state import TrainingState
from licrt.trainer.step import Measured, measure, seed_noise, update
from licrt.trainer.validation import columns, measured_levels, validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from licrt.trainer.data import Batch, Pictures

CALIBRATION_CROPS = 128  # for the ranges of integer-aware training
STATE, BEST, LAST, DIVERGED, RECIPE = (
    "state.pth.tar", "best.safetensors", "last.safetensors", "diverged.safetensors", "recipe.yaml",
)  # fmt: skip
SHOWN = ("loss", "bpp", "psnr", "images_per_second")


def train(
    recipe: Recipe, *, resume: bool = False, say: Callable[[str], None] = lambda _: None, show_progress: bool = False
) -> Path:
    """Train a model as a recipe says.

    Files in the recipe's output folder: ``recipe.yaml``; ``metrics.jsonl`` and ``metrics.csv``, a record every
    ``log_every`` steps and one for each validation; ``state.pth.tar``, the latest training state; ``last.safetensors``,
    the model of that state, and ``best.safetensors``, the one of the best validation, with CDF tables.

    Several processes that torchrun started train one model, and return when all have finished.

    Args:
        recipe: what to do.
        resume: continue from ``state.pth.tar``; otherwise the folder must not hold a run.
        say: called with a line of text now and then.
        show_progress: whether to draw a bar on standard error.

    Returns:
        Path of ``best.safetensors``, or of ``last.safetensors`` where nothing was validated.

    Raises:
        RecipeError: the architecture is unknown, or the crop, the optimiser or the schedule do not fit it.
        PictureError: no pictures, a file cannot be written, or the folder holds a run.
        ModelError: the training state is missing, damaged, or of another model.
        BackendError: the device is not there.
        DivergedError: the loss is not finite; ``diverged.safetensors`` has the batch.
    """
    _check(recipe)
    pictures = open_pictures(recipe.train_folders, side=recipe.crop)
    held_out = find_files(recipe.validation_folders)
    with torch_settings(recipe):
        processes = open_processes(recipe.device, all_used=not recipe.stage)
        if recipe.batch_size % processes.world:
            raise RecipeError(
                f"batch_size is {recipe.batch_size}, expected a multiple of the {processes.world} processes"
            )
        state = TrainingState(recipe, processes, _calibration(recipe, pictures))
        folder = _open_folder(recipe, state, resume=resume)
        bar = open_progress(say, state.step, recipe.steps, shown=show_progress and processes.leads)
        levels = measured_levels(recipe, state.model)
        with (
            bar as (say_above, show),
            closing(Reporter(folder, columns(levels), recipe.tensorboard, state, say_above)) as reporter,
        ):
            batches = open_batches(
                pictures,
                side=recipe.crop,
                batch_size=recipe.batch_size,
                seed=recipe.seed,
                start=state.samples,
                workers=recipe.workers,
                rank=processes.rank,
                world=processes.world,
                crops_per_picture=recipe.crops_per_picture,
                flip=recipe.flip,
                cache_bytes=int(recipe.cache_megabytes * 1e6),
                pin_memory=state.device.type == "cuda",
            )
            images, seconds = 0, 0.0
            while state.step < recipe.steps:
                start = time.monotonic()
                batch = next(batches)
                reporter.unusable(batch.unusable)
                learning_rate = state.learning_rate.value
                aux_loss = _step(state, batch, recipe, folder)
                images += recipe.batch_size
                seconds += time.monotonic() - start
                measured = _averages(state, recipe) | {"images_per_second": images / seconds}
                show(state.step, {name: measured[name] for name in SHOWN})
                if state.step % recipe.log_every == 0:
                    further = {"aux_loss": aux_loss.item(), "learning_rate": learning_rate, "seconds": seconds}
                    reporter.record(state.step, measured | further)
                    state.sums.zero_()
                    images, seconds = 0, 0.0
                if held_out and state.step % recipe.validate_every == 0:
                    _validate(state, held_out, levels, folder, reporter)
                if state.step % recipe.checkpoint_every == 0:
                    _save(state, folder)
        _save(state, folder)
        processes.leave()
    best = folder / BEST
    return best if best.exists() else folder / LAST


def _check(recipe: Recipe) -> None:
    if recipe.arch not in ARCHITECTURES:
        raise RecipeError(f"unknown architecture {recipe.arch!r}; expected one of {', '.join(ARCHITECTURES)}")
    if recipe.integer_aware and not recipe.checkpoint:
        raise RecipeError("integer_aware trains on a model that was trained in floats; name it with checkpoint=FILE")
    stride = ARCHITECTURES[recipe.arch].stride
    if recipe.crop % stride:
        raise RecipeError(f"crop is {recipe.crop}, expected a multiple of {stride} for {recipe.arch}")


def _calibration(recipe: Recipe, pictures: Pictures) -> Iterator[Tensor]:
    """The first crops of the run, whatever its processes: read only where they are asked for."""
    batches = open_batches(pictures, side=recipe.crop, batch_size=1, seed=recipe.seed)
    for batch in itertools.islice(batches, CALIBRATION_CROPS):
        if len(batch.crops):
            yield batch.crops.float() / 255


def _open_folder(recipe: Recipe, state: TrainingState, *, resume: bool) -> Path:
    folder = Path(recipe.output)
    if resume:
        state.restore(folder / STATE)
    elif any((folder / name).exists() for name in (STATE, LAST)):
        raise PictureError(f"{folder} holds a run already. Pass --resume to continue it, or another output=FOLDER")
    if state.processes.leads:
        make_directory(folder)
        write_file(str(folder / RECIPE), to_yaml(recipe).encode(), force=True)
    return folder


def _step(state: TrainingState, batch: Batch, recipe: Recipe, folder: Path) -> Tensor:
    seed_noise(recipe, state.step)
    measured = measure(state, batch.crops, batch.numbers)
    if not measured.finite:
        save_step(folder / DIVERGED, state, recipe, batch)
        raise DivergedError(
            f"the loss is {measured.loss:g} and its gradient's norm {measured.gradient_norm:g} at step"
            f" {state.step + 1}; {folder / DIVERGED} has the batch. Resume with a lower learning_rate"
        )
    return update(state, measured, recipe)


def _averages(state: TrainingState, recipe: Recipe) -> dict[str, float]:
    """Means of the steps since the last record."""
    steps = (state.step - 1) % recipe.log_every + 1
    means = Measured(*(state.sums / steps).tolist())._asdict()
    return means | {"psnr": psnr(means["mse"])}


def _validate(
    state: TrainingState, pictures: Sequence[Path], levels: Sequence[int | None], folder: Path, reporter: Reporter
) -> None:
    model = state.finished_model().to(state.device)
    measured, unusable = validate(model, pictures, state.objective, levels, state.processes)
    reporter.unusable(unusable)
    if not measured:
        return
    reporter.record(state.step, measured)
    state.learning_rate.validated(state.step, measured["validation_loss"])
    if measured["validation_loss"] < state.best_loss:
        state.best_loss = measured["validation_loss"]
        if state.processes.leads:
            save_model(model, folder / BEST, {"step": str(state.step)})


def _save(state: TrainingState, folder: Path) -> None:
    if state.processes.leads:
        state.save(folder / STATE)
        save_model(state.finished_model(), folder / LAST, {"step": str(state.step)})
