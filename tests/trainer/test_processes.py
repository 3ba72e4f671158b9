from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from references.architectures import VARIABLE
from references.runs import last_model, records, same_models
from references.sizes import sizes
from safetensors.numpy import load_file

from licrt.runtime.errors import BackendError
from licrt.trainer.divergence import DivergedError, replay
from licrt.trainer.loop import STATE, train
from licrt.trainer.models import ARCHITECTURES
from licrt.trainer.processes import Processes, open_processes, pick_device
from licrt.trainer.recipe import Recipe, to_yaml
from licrt.trainer.state import TrainingState
from licrt.trainer.step import measure, seed_noise


@pytest.fixture
def recipe(pictures: Path, tmp_path: Path) -> Recipe:
    """Batches of four, a record of every step."""
    return Recipe(
        arch="mbt2018-mean", channels=4, latent_channels=6, lmbda=0.01, train_folders=[str(pictures)],
        validation_folders=[str(pictures)], output=str(tmp_path / "run"), steps=12, batch_size=4, crop=64,
        learning_rate=1e-3, threads=1, workers=0, log_every=1, checkpoint_every=4, validate_every=6, ema_decay=0.9,
        seed=3, device="cpu", tensorboard="never",
    )  # fmt: skip


def start_two(recipe: Recipe, *, resume: bool = False) -> list[int]:
    """Two processes that train together, forked from this one, which has imported torch already; their ids."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    children = []
    for rank in range(2):
        child = os.fork()
        if not child:
            try:
                os.environ.update(
                    RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", LOCAL_WORLD_SIZE="2", GROUP_RANK="0",
                    MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), TORCHELASTIC_RUN_ID="test",
                )  # fmt: skip
                train(recipe, resume=resume)
                os._exit(0)
            except DivergedError:
                pass
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        children.append(child)
    return children


def wait_for(children: list[int]) -> list[int]:
    """Exit codes of processes."""
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


@pytest.fixture
def fabric(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning Fabric, imported here so that forked processes need not."""
    pytest.importorskip("lightning_fabric")


def test_torchrun_trains_what_one_process_trains(recipe: Recipe, tmp_path: Path, fabric: None) -> None:
    """Losses and weights of two processes and of one agree but for the order of sums."""
    train(recipe)
    two = replace(recipe, output=str(tmp_path / "two"))
    (tmp_path / "two.yaml").write_text(to_yaml(two))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    result = subprocess.run(
        [*command, "-m", "licrt.trainer", str(tmp_path / "two.yaml")], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{tmp_path / 'two' / 'best.safetensors'}\n"
    compare(recipe, two)


def compare(one: Recipe, two: Recipe) -> None:
    """Two runs differ by no more than rounding."""
    expected, found = records(one.output), records(two.output)
    assert [record["step"] for record in found] == [record["step"] for record in expected]
    assert len(expected) == 14
    assert expected[0]["loss"] != expected[1]["loss"]
    for one_record, two_record in zip(expected, found, strict=True):
        assert two_record == pytest.approx(one_record, rel=1e-5)
    weights = zip(last_model(one.output).items(), last_model(two.output).items(), strict=True)
    for (name, expected_weight), (_, weight) in weights:
        np.testing.assert_allclose(weight, expected_weight, rtol=1e-3, atol=1e-5, err_msg=name)


def test_killed_processes_resume_to_the_same_numbers(recipe: Recipe, tmp_path: Path, fabric: None) -> None:
    """Both are killed between two states, and the run ends as if they had not been, to the last bit."""
    recipe = replace(recipe, steps=40, validate_every=10, schedule="CosineAnnealingLR", warmup_steps=5)
    whole = replace(recipe, output=str(tmp_path / "whole"))
    assert wait_for(start_two(whole)) == [0, 0]
    children = start_two(recipe)
    try:
        deadline = time.monotonic() + 60
        while not (Path(recipe.output) / STATE).exists() and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
    assert wait_for(children) == [-signal.SIGKILL, -signal.SIGKILL]
    assert torch.load(Path(recipe.output) / STATE, weights_only=True)["step"] < recipe.steps
    assert wait_for(start_two(recipe, resume=True)) == [0, 0]
    assert records(recipe.output) == records(whole.output)
    assert same_models(recipe.output, whole.output)


def test_all_processes_stop_when_one_diverges(recipe: Recipe, fabric: None) -> None:
    """The file has the batch of both."""
    assert wait_for(start_two(replace(recipe, learning_rate=1e20))) == [1, 1]
    tensors = load_file(Path(recipe.output) / "diverged.safetensors")
    assert tensors["crops"].shape == (4, 3, 64, 64)
    assert (np.diff(tensors["numbers"]) == 1).all()
    assert not replay(Path(recipe.output) / "diverged.safetensors").finite


@pytest.mark.parametrize("arch", [arch for arch in ARCHITECTURES if arch not in VARIABLE])
def test_every_weight_has_a_gradient(arch: str, recipe: Recipe) -> None:
    """What several processes rely on where they do not look for weights without; with a stage, they look."""
    channels, latent_channels = sizes(arch, 4, 6)
    state = TrainingState(
        replace(recipe, arch=arch, channels=channels, latent_channels=latent_channels), Processes(torch.device("cpu"))
    )
    measure(state, torch.full((1, 3, 64, 64), 9, dtype=torch.uint8), torch.tensor([0]))
    assert [name for name, weight in state.model.named_parameters() if weight.grad is None] == [
        name for name, _ in state.model.named_parameters() if name.endswith("quantiles")
    ]


def test_noise_is_that_of_the_whole_batch(recipe: Recipe) -> None:
    x = torch.rand(4, 3, 64, 64)
    state = TrainingState(recipe, Processes(torch.device("cpu")))
    seed_noise(recipe, 5)
    whole = state.model(x)
    for part in range(2):
        state.model.see_part_of_batches(part, 2)
        seed_noise(recipe, 5)
        output = state.model(x[2 * part : 2 * part + 2])
        for name, likelihoods in output["likelihoods"].items():
            rows = whole["likelihoods"][name][2 * part : 2 * part + 2]
            torch.testing.assert_close(likelihoods, rows, rtol=1e-5, atol=1e-7)
    seed_noise(recipe, 6)
    assert not torch.allclose(state.model(x[2:])["likelihoods"]["y"], output["likelihoods"]["y"], rtol=1e-3)


def test_device() -> None:
    assert pick_device("cpu").type == "cpu"
    with pytest.raises(BackendError, match=r"no device 'gpu0'.* Pass device=cpu"):
        pick_device("gpu0")
    if not torch.cuda.is_available():
        assert pick_device("auto").type == "cpu"
        with pytest.raises(BackendError, match="no device 'cuda'"):
            pick_device("cuda")


def test_one_process_needs_no_fabric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert open_processes("cpu", all_used=True).world == 1
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(
        BackendError, match=r"2 processes need Lightning Fabric, and lightning_fabric is missing\. Run: "
    ):
        open_processes("cpu", all_used=True)
