from __future__ import annotations

import json
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
from references.sizes import sizes

from licrt.runtime.errors import BackendError, ModelError, PictureError
from licrt.trainer.checkpoint import load_checkpoint
from licrt.trainer.loop import METRICS, MODEL, STATE, DivergedError, pick_device, train
from licrt.trainer.models import ARCHITECTURES
from licrt.trainer.models.contextual import Contextual
from licrt.trainer.objective import objective_of
from licrt.trainer.recipe import Recipe, RecipeError, to_yaml
from licrt.trainer.state import TrainingState

NEW = [arch for arch, model in ARCHITECTURES.items() if issubclass(model, Contextual) and not arch.endswith("-vbr")]


@pytest.fixture
def recipe(pictures: Path, tmp_path: Path) -> Recipe:
    """A run of 30 small steps."""
    return Recipe(
        arch="mbt2018-mean", channels=4, latent_channels=6, lmbda=0.01, train_folders=[str(pictures)],
        output=str(tmp_path / "run"), steps=30, batch_size=2, crop=64, learning_rate=1e-3, decay_steps=[20], threads=1,
        workers=0, log_every=4, checkpoint_every=7, seed=3, device="cpu",
    )  # fmt: skip


def metrics(folder: str | Path) -> list[dict[str, Any]]:
    """Records of a run, without the times."""
    records = [json.loads(line) for line in (Path(folder) / METRICS).read_text().splitlines()]
    return [{key: value for key, value in record.items() if key != "seconds"} for record in records]


def same_models(first: str | Path, second: str | Path) -> bool:
    """Whether two runs ended with the same tensors."""
    states = [torch.load(Path(folder) / MODEL, weights_only=True) for folder in (first, second)]
    return all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("arch", [
    "bls2017", "bmshj2018-factorized", "bmshj2018-factorized-relu", "bmshj2018-hyperprior", "mbt2018-mean",
])  # fmt: skip
def test_loss_falls_and_the_model_loads(arch: str, recipe: Recipe) -> None:
    recipe = replace(
        recipe, arch=arch, channels=8, latent_channels=8, steps=150, batch_size=4, learning_rate=5e-3, decay_steps=[],
        validation_folders=recipe.train_folders, validate_every=75, log_every=15, checkpoint_every=150,
    )  # fmt: skip
    path = train(recipe)
    records = [record for record in metrics(recipe.output) if "loss" in record]
    assert [record["step"] for record in records] == list(range(15, 151, 15))
    assert records[-1]["loss"] < 0.2 * records[0]["loss"]
    assert records[-1]["psnr"] > records[0]["psnr"] + 6
    validations = [record for record in metrics(recipe.output) if "validation_loss" in record]
    assert [record["step"] for record in validations] == [75, 150]
    assert validations[1]["validation_loss"] < validations[0]["validation_loss"]
    model = load_checkpoint(path, arch)
    assert not model.update()
    assert load_checkpoint(Path(recipe.output) / STATE).arch == arch


@pytest.mark.parametrize("arch", NEW)
def test_architectures_with_context_train(arch: str, recipe: Recipe) -> None:
    channels, latent_channels = sizes(arch, 4, 6)
    path = train(replace(recipe, arch=arch, channels=channels, latent_channels=latent_channels, steps=2, log_every=1))
    assert len(metrics(recipe.output)) == 2
    assert load_checkpoint(path).arch == arch


def test_variable_rates_are_refused(recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match="mbt2018-vbr has a variable rate, which train-model cannot train"):
        train(replace(recipe, arch="mbt2018-vbr"))


@pytest.mark.oracle
@pytest.mark.parametrize("arch", [arch for arch in ARCHITECTURES if not arch.endswith("-vbr")])
def test_steps_equal_compressai(arch: str, recipe: Recipe, oracle, to_arrays) -> None:
    """Noise, losses, clipping and both optimisers: the same losses step by step from the same seed."""
    from licrt.trainer.loop import _update

    channels, latent_channels = sizes(arch, 8, 12)
    recipe = replace(recipe, arch=arch, channels=channels, latent_channels=latent_channels)
    state = TrainingState(recipe, torch.device("cpu"))
    crops = torch.from_numpy(np.random.default_rng(12).integers(0, 256, (6, 2, 3, 64, 64), np.uint8))
    expected = oracle(
        "train_steps", arch=arch, lmbda=recipe.lmbda, learning_rate=recipe.learning_rate, seed=5,
        batches=crops.numpy().astype(np.float32) / 255, **to_arrays(state.model),
    )["losses"]  # fmt: skip
    torch.manual_seed(5)
    losses = []
    for batch in crops:
        state.sums.zero_()
        _update(state, batch, torch.arange(len(batch)), recipe, objective_of(recipe, state.model))
        losses.append(state.sums.numpy().copy())
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    assert expected[-1, 0] < expected[0, 0]


def test_stopped_runs_resume_to_the_same_numbers(recipe: Recipe, tmp_path: Path) -> None:
    train(recipe)
    stopped = replace(recipe, output=str(tmp_path / "stopped"))

    class StopError(Exception):
        pass

    def stop(line: str) -> None:
        if line.startswith("step 24"):
            raise StopError

    with pytest.raises(StopError):
        train(stopped, say=stop)
    assert metrics(stopped.output)[-1]["step"] == 24  # beyond the state of step 21, and to be taken again
    train(stopped, resume=True)
    assert metrics(stopped.output) == metrics(recipe.output)
    assert len(metrics(recipe.output)) == 7
    assert same_models(recipe.output, stopped.output)


def test_a_checkpoint_is_trained_further(recipe: Recipe, tmp_path: Path) -> None:
    """The first record of a continued run is as good as the last of the run before; stopping changes nothing there."""
    recipe = replace(recipe, steps=120, learning_rate=5e-3, decay_steps=[], log_every=20)
    first = train(recipe)
    more = replace(recipe, checkpoint=str(first), output=str(tmp_path / "more"), learning_rate=1e-3, steps=40)
    train(more)
    assert metrics(more.output)[0]["loss"] < 0.5 * metrics(recipe.output)[0]["loss"]
    assert metrics(more.output)[0]["loss"] < 1.3 * metrics(recipe.output)[-1]["loss"]
    whole = metrics(more.output)
    (Path(more.output) / MODEL).unlink()
    train(more, resume=True)
    assert metrics(more.output) == whole
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
    assert not (Path(recipe.output) / MODEL).exists()
    with (Path(recipe.output) / METRICS).open("a") as file:
        file.write('{"step": 3')  # as a kill in the middle of a write leaves it
    train(recipe, resume=True)
    assert metrics(recipe.output) == metrics(tmp_path / "whole")
    assert same_models(recipe.output, tmp_path / "whole")


def test_finished_runs_are_not_overwritten(recipe: Recipe) -> None:
    recipe = replace(recipe, steps=2)
    train(recipe)
    with pytest.raises(PictureError, match=r"holds a run already\. Pass --resume"):
        train(recipe)
    before = torch.load(Path(recipe.output) / MODEL, weights_only=True)
    (Path(recipe.output) / MODEL).unlink()
    train(recipe, resume=True)
    after = torch.load(Path(recipe.output) / MODEL, weights_only=True)
    assert all(torch.equal(before[key], after[key]) for key in before)


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
    with pytest.raises(PictureError, match="cannot create"):
        train(replace(recipe, output=str(tmp_path / "file")))
    with pytest.raises(DivergedError, match="not finite at step"):
        train(replace(recipe, learning_rate=1e20, output=str(tmp_path / "diverged")))


def test_state_of_another_model(recipe: Recipe) -> None:
    train(replace(recipe, steps=1))
    for other in (replace(recipe, channels=5), replace(recipe, arch="bls2017")):
        with pytest.raises(ModelError, match="damaged, or of another architecture or size than the recipe's"):
            train(other, resume=True)


def test_device() -> None:
    assert pick_device("cpu").type == "cpu"
    with pytest.raises(BackendError, match=r"no device 'gpu0'.* Pass device=cpu"):
        pick_device("gpu0")
    if not torch.cuda.is_available():
        assert pick_device("auto").type == "cpu"
        with pytest.raises(BackendError, match="no device 'cuda'"):
            pick_device("cuda")
