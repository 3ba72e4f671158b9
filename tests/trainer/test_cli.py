from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from licrt.trainer.cli import main
from licrt.trainer.recipe import load_recipe

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ["channels=4", "latent_channels=6", "batch_size=1", "crop=64", "workers=0", "threads=1", "device=cpu"]


def test_help_needs_no_torch() -> None:
    heavy = {"torch", "omegaconf", "PIL", "lightning_fabric"}
    code = f"import sys, licrt.trainer.cli; sys.exit(bool({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert "train-model mbt2018-mean" in result.stdout
    assert "\b" not in result.stdout


def test_print_config(tmp_path: Path) -> None:
    overrides = ["output=run", "train_folders=[a]", "lmbda=0.5"]
    result = CliRunner().invoke(main, ["bls2017", "--print-config", *overrides])
    assert result.exit_code == 0
    (tmp_path / "recipe.yaml").write_text(result.stdout)
    assert load_recipe(str(tmp_path / "recipe.yaml")) == load_recipe("bls2017", overrides)


def test_trains_and_resumes(pictures: Path, tmp_path: Path) -> None:
    overrides = [f"train_folders=[{pictures}]", f"output={tmp_path / 'run'}", *SMALL, "steps=3", "log_every=1"]
    result = CliRunner().invoke(main, ["mbt2018-mean", *overrides])
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{tmp_path / 'run' / 'last.safetensors'}\n"
    assert result.stderr.startswith("step 1: loss ")
    again = CliRunner().invoke(main, ["mbt2018-mean", *overrides])
    assert again.exit_code == 6
    assert "holds a run already" in again.stderr
    more = CliRunner().invoke(main, [str(tmp_path / "run" / "recipe.yaml"), "--resume", "steps=4"])
    assert more.exit_code == 0
    assert more.stderr.startswith("step 4: ")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["bls2017", "--colour"], 2),
        (["bls2017"], 2),
        (["bls2017", "x=1"], 2),
        (["nowhere.yaml"], 6),
        (["bls2017", "output=run", "train_folders=[nowhere]"], 6),
        (["bls2017", "output=nowhere", "train_folders=[{pictures}]", "--resume"], 4),
        (["bls2017", "output=nowhere", "train_folders=[{pictures}]", "device=cuda:99"], 5),
    ],
)
def test_exit_codes(arguments: list[str], code: int, pictures: Path) -> None:
    result = CliRunner().invoke(main, [argument.format(pictures=pictures) for argument in arguments])
    assert result.exit_code == code
    assert "Traceback" not in result.stderr
    if "Usage" not in result.stderr:
        assert result.stderr.count("\n") == 1


def test_traceback_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICRT_DEBUG", "1")
    result = CliRunner().invoke(main, ["nowhere.yaml"])
    assert "Traceback" in result.stderr


def test_interrupt(pictures: Path, tmp_path: Path) -> None:
    overrides = [f"train_folders=[{pictures}]", f"output={tmp_path / 'run'}", *SMALL, "checkpoint_every=1"]
    command = [sys.executable, "-c", "from licrt.trainer.cli import main; main()", "mbt2018-mean", *overrides]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / "state.pth.tar").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert stderr.endswith("interrupted\n")
