from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from references.architectures import VARIABLE
from references.runs import records, same_models
from references.sizes import sizes
from references.tiny import tiny_model
from safetensors import safe_open

from licrt.runtime.errors import ModelError, PictureError
from licrt.trainer.checkpoint import load_checkpoint, save_model
from licrt.trainer.divergence import DivergedError, replay
from licrt.trainer.loop import BEST, DIVERGED, LAST, STATE, train
from licrt.trainer.models import ARCHITECTURES
from licrt.trainer.models.contextual import Contextual
from licrt.trainer.processes import Processes
from licrt.trainer.recipe import Recipe, RecipeError, to_yaml
from licrt.trainer.state import TrainingState
from licrt.trainer.step import measure, update

NEW = [arch for arch, model in ARCHITECTURES.items() if issubclass(model, Contextual) and arch not in VARIABLE]


@pytest.fixture
def recipe(pictures: Path, tmp_path: Path) -> Recipe:
    """A run of 30 small steps."""
    return Recipe(
        arch="mbt2018-mean", channels=4, latent_channels=6, lmbda=0.01, train_folders=[str(pictures)],
        output=str(tmp_path / "run"), steps=30, batch_size=2, crop=64, learning_rate=1e-3, schedule="MultiStepLR",
        schedule_options={"milestones": [20]}, threads=1, workers=0, log_every=4, checkpoint_every=7, seed=3,
        device="cpu", tensorboard="never",
    )  # fmt: skip


@pytest.mark.parametrize("arch", [
    "bls2017", "bmshj2018-factorized", "bmshj2018-factorized-relu", "bmshj2018-hyperprior", "mbt2018-mean",
])  # fmt: skip
def test_loss_falls_and_the_model_loads(arch: str, recipe: Recipe) -> None:
    recipe = replace(
        recipe, arch=arch, channels=8, latent_channels=8, steps=160, batch_size=4, learning_rate=5e-3, schedule="",
        schedule_options={}, validation_folders=recipe.train_folders, validate_every=80, log_every=16,
        checkpoint_every=160,
    )  # fmt: skip
    path = train(recipe)
    losses = [record for record in records(recipe.output) if "loss" in record]
    assert [record["step"] for record in losses] == list(range(16, 161, 16))
    assert losses[-1]["loss"] < 0.3 * losses[0]["loss"]
    assert losses[-1]["psnr"] > losses[0]["psnr"] + 5
    validations = [record for record in records(recipe.output) if "validation_loss" in record]
    assert [record["step"] for record in validations] == [80, 160]
    assert validations[1]["validation_loss"] < validations[0]["validation_loss"]
    assert path == Path(recipe.output) / BEST
    model = load_checkpoint(path, arch)
    assert not model.update()
    assert not load_checkpoint(Path(recipe.output) / LAST, arch).update()
    assert load_checkpoint(Path(recipe.output) / STATE).arch == arch


@pytest.mark.parametrize("arch", NEW)
def test_architectures_with_context_train(arch: str, recipe: Recipe) -> None:
    channels, latent_channels = sizes(arch, 4, 6)
    path = train(replace(recipe, arch=arch, channels=channels, latent_channels=latent_channels, steps=2, log_every=1))
    assert len(records(recipe.output)) == 2
    assert load_checkpoint(path).arch == arch


def test_variable_rates_need_a_stage(recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match="stage is '', expected 1, 2, joint for mbt2018-vbr"):
        train(replace(recipe, arch="mbt2018-vbr"))


@pytest.mark.oracle
@pytest.mark.parametrize("arch", [arch for arch in ARCHITECTURES if arch not in VARIABLE])
def test_steps_equal_compressai(arch: str, recipe: Recipe, oracle, to_arrays) -> None:
    """Noise, losses, clipping and both optimisers: the same losses step by step from the same seed."""
    channels, latent_channels = sizes(arch, 8, 12)
    recipe = replace(recipe, arch=arch, channels=channels, latent_channels=latent_channels)
    state = TrainingState(recipe, Processes(torch.device("cpu")))
    crops = torch.from_numpy(np.random.default_rng(12).integers(0, 256, (6, 2, 3, 64, 64), np.uint8))
    expected = oracle(
        "train_steps", arch=arch, lmbda=recipe.lmbda, learning_rate=recipe.learning_rate, seed=5,
        batches=crops.numpy().astype(np.float32) / 255, **to_arrays(state.model),
    )["losses"]  # fmt: skip
    torch.manual_seed(5)
    losses = []
    for batch in crops:
        measured = measure(state, batch, torch.arange(len(batch)))
        losses.append([*measured[:3], update(state, measured, recipe).item()])
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    assert expected[-1, 0] < expected[0, 0]


@pytest.mark.parametrize("settings", [
    {"ema_decay": 0.9, "warmup_steps": 3, "clip_norm": 0},
    {"schedule": "ReduceLROnPlateau", "schedule_options": {"patience": 0}, "validate_every": 5, "optimizer": "SGD"},
    {"precision": "bf16", "deterministic": True},
], ids=["average", "plateau", "bf16"])  # fmt: skip
def test_stopped_runs_resume_to_the_same_numbers(recipe: Recipe, tmp_path: Path, settings: dict[str, Any]) -> None:
    recipe = replace(recipe, **settings)
    if "validate_every" in settings:
        recipe = replace(recipe, validation_folders=recipe.train_folders)
    train(recipe)
    stopped = replace(recipe, output=str(tmp_path / "stopped"))

    class StopError(Exception):
        pass

    def stop(line: str) -> None:
        if line.startswith("step 24"):
            raise StopError

    with pytest.raises(StopError):
        train(stopped, say=stop)
    assert records(stopped.output)[-1]["step"] == 24  # beyond the state of step 21, and to be taken again
    train(stopped, resume=True)
    assert records(stopped.output) == records(recipe.output)
    assert len([record for record in records(recipe.output) if "loss" in record]) == 7
    assert same_models(recipe.output, stopped.output)


def test_a_checkpoint_is_trained_further(recipe: Recipe, tmp_path: Path) -> None:
    """The first record of a continued run is as good as the last of the run before; stopping changes nothing there."""
    recipe = replace(recipe, steps=120, learning_rate=5e-3, schedule="", schedule_options={}, log_every=20)
    first = train(recipe)
    more = replace(recipe, checkpoint=str(first), output=str(tmp_path / "more"), learning_rate=1e-3, steps=40)
    train(more)
    assert records(more.output)[0]["loss"] < 0.5 * records(recipe.output)[0]["loss"]
    assert records(more.output)[0]["loss"] < 1.3 * records(recipe.output)[-1]["loss"]
    whole = records(more.output)
    train(more, resume=True)
    assert records(more.output) == whole
    with pytest.raises(ModelError, match="Set channels=4 latent_channels=6"):
        train(replace(more, channels=5, output=str(tmp_path / "wrong")))


def test_killed_runs_resume_to_the_same_numbers(recipe: Recipe, tmp_path: Path) -> None:
    recipe = replace(recipe, steps=150, checkpoint_every=10, workers=1)
    train(replace(recipe, output=str(tmp_path / "whole")))
    (tmp_path / "recipe.yaml").write_text(to_yaml(recipe))
    command = [sys.executable, "-c", "from licrt.trainer.cli import main; main()", str(tmp_path / "recipe.yaml")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not (Path(recipe.output) / STATE).exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    with (Path(recipe.output) / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3')  # as a kill in the middle of a write leaves it
    train(recipe, resume=True)
    assert records(recipe.output) == records(tmp_path / "whole")
    assert same_models(recipe.output, tmp_path / "whole")


def test_finished_runs_are_not_overwritten(recipe: Recipe) -> None:
    recipe = replace(recipe, steps=2)
    train(recipe)
    with pytest.raises(PictureError, match=r"holds a run already\. Pass --resume"):
        train(recipe)
    before = (Path(recipe.output) / LAST).read_bytes()
    (Path(recipe.output) / LAST).unlink()
    train(recipe, resume=True)
    assert (Path(recipe.output) / LAST).read_bytes() == before


def test_unreadable_pictures_are_reported_once(recipe: Recipe, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "mixed").mkdir()
    for path in pictures.glob("*.png"):
        (tmp_path / "mixed" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "mixed" / "broken.png").write_text("not a picture")
    lines: list[str] = []
    train(replace(recipe, train_folders=[str(tmp_path / "mixed")], workers=2), say=lines.append)
    assert len([line for line in lines if "broken.png" in line]) == 1


def test_mistakes(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="unknown architecture 'vtm'; expected one of bls2017"):
        train(replace(recipe, arch="vtm"))
    with pytest.raises(RecipeError, match="crop is 80, expected a multiple of 64 for mbt2018-mean"):
        train(replace(recipe, crop=80))
    with pytest.raises(ModelError, match=r"cannot read checkpoint .*state\.pth\.tar: No such file"):
        train(recipe, resume=True)
    with pytest.raises(PictureError, match=r"none of 5 pictures can be used; cannot crop .*crops have 128"):
        train(replace(recipe, crop=128))
    (tmp_path / "file").write_text("")
    with pytest.raises(PictureError, match="cannot make the directory"):
        train(replace(recipe, output=str(tmp_path / "file")))


def test_state_of_another_model(recipe: Recipe) -> None:
    train(replace(recipe, steps=1))
    for other in (replace(recipe, channels=5), replace(recipe, arch="bls2017")):
        with pytest.raises(ModelError, match="damaged, or of another architecture, size, "):
            train(other, resume=True)


def test_the_best_validation_keeps_its_model(recipe: Recipe) -> None:
    """After a jump of the learning rate, validations get worse; the file is older than they are."""
    recipe = replace(
        recipe, validation_folders=recipe.train_folders, validate_every=5, steps=20, learning_rate=3e-3,
        schedule_options={"milestones": [10], "gamma": 30},
    )  # fmt: skip
    path = train(recipe)
    losses = {record["step"]: record["validation_loss"] for record in records(recipe.output) if "loss" not in record}
    best = min(losses, key=losses.__getitem__)
    assert best < 20
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"arch": "mbt2018-mean", "step": str(best)}


def test_bfloat16_is_near_float32(recipe: Recipe, tmp_path: Path) -> None:
    recipe = replace(recipe, steps=8, log_every=1)
    train(recipe)
    half = replace(recipe, precision="bf16", output=str(tmp_path / "half"))
    train(half)
    pairs = [*zip(records(recipe.output), records(half.output), strict=True)]
    for single_record, half_record in pairs:
        for name in ("loss", "bpp", "mse"):
            assert half_record[name] == pytest.approx(single_record[name], rel=0.02)
    assert any(one["loss"] != other["loss"] for one, other in pairs)


def test_another_learning_rate_when_resuming(recipe: Recipe) -> None:
    train(replace(recipe, steps=4))
    train(replace(recipe, steps=8, learning_rate=5e-4), resume=True)
    assert [record["learning_rate"] for record in records(recipe.output)] == [1e-3, 5e-4]
    with pytest.raises(ModelError, match="or of another architecture, size, optimizer or schedule than the recipe's"):
        train(replace(recipe, optimizer="SGD"), resume=True)


def test_diverged_steps_can_be_taken_again(recipe: Recipe) -> None:
    """A learning rate beyond reason, and then again the step at which it became noticed."""
    with pytest.raises(
        DivergedError, match=r"at step \d+; .*diverged\.safetensors has the batch\. Resume with a lower"
    ):
        train(replace(recipe, learning_rate=1e20))
    path = Path(recipe.output) / DIVERGED
    again = replay(path)
    assert not again.finite
    assert str(again) == str(replay(path))  # the same infinite or undefined numbers
    with pytest.raises(ModelError, match=r"cannot replay .*recipe\.yaml: expected a diverged\.safetensors"):
        replay(Path(recipe.output) / "recipe.yaml")


def test_a_gradient_that_is_not_finite_stops_a_run(recipe: Recipe, tmp_path: Path) -> None:
    """From weights whose loss is finite while its gradient is not, no step is taken; the file has these weights."""
    state = TrainingState(recipe, Processes(torch.device("cpu")))
    weights = state.model.state_dict()
    weights["g_s.6.bias"] += 5e16  # its square is finite, the norm of the gradient is not
    torch.save(weights, tmp_path / "far.pth")
    far = replace(recipe, checkpoint=str(tmp_path / "far.pth"), output=str(tmp_path / "far"))
    with pytest.raises(DivergedError, match=r"the loss is [0-9.e+]+ and its gradient's norm inf at step 1;"):
        train(far)
    assert np.isfinite(replay(tmp_path / "far" / DIVERGED).loss)


def test_training_in_integers_starts_from_a_checkpoint_and_resumes_exactly(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="name it with checkpoint=FILE"):
        train(replace(recipe, integer_aware="w8a8"))
    start = tmp_path / "floats.safetensors"
    save_model(tiny_model("mbt2018-mean"), start, {})
    sizes_of_start = {"channels": 8, "latent_channels": 12}
    tuning = replace(recipe, integer_aware="w8a8", checkpoint=str(start), steps=4, ema_decay=0.9, **sizes_of_start)
    whole = load_checkpoint(train(tuning))
    halves = replace(tuning, output=str(tmp_path / "halves"))
    train(replace(halves, steps=2))
    resumed = load_checkpoint(train(halves, resume=True))
    floats = load_checkpoint(start)
    for key, value in resumed.state_dict().items():
        assert torch.equal(value, whole.state_dict()[key]), key
        if key.startswith(("g_a", "g_s")):
            assert torch.equal(value, floats.state_dict()[key]), key
    assert resumed.integers.widths.name == "w8a8"
    for key, parameter in resumed.named_parameters():
        if key.startswith("h_"):
            assert not torch.equal(parameter, floats.get_parameter(key)), key
