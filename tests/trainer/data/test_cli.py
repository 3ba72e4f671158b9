from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

from licrt.trainer.data import open_pictures
from licrt.trainer.data.cli import main

if TYPE_CHECKING:
    from pathlib import Path


def test_runs_as_a_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "licrt.trainer.data", "--help"], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("Usage: python -m licrt.trainer.data ")
    assert re.findall(r"^  (\w+)  ", result.stdout, re.MULTILINE) == ["memmap", "shards", "speed"]


def test_memmap(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "bad.png").write_text("text")
    arguments = [str(pictures), str(tmp_path / "more"), "--side", "32", "--per-picture", "8", "--workers", "0"]
    result = CliRunner().invoke(main, ["memmap", *arguments, "-o", str(tmp_path / "training.npy")])
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{tmp_path / 'training.npy'}\n"
    assert result.stderr.startswith("skipped: cannot read ")
    assert result.stderr.count("\n") == 1
    assert np.load(tmp_path / "training.npy").shape == (48, 32, 32, 3)


def test_shards(places: dict[str, Path], tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["shards", str(places["vimeo"]), "-o", str(tmp_path / "a"), "--per-shard", "5"])
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{tmp_path / 'a'}\n"
    assert len(open_pictures([str(tmp_path / "a")])) == 12


def test_speed(places: dict[str, Path]) -> None:
    folders = ",".join(str(place) for place in places.values())
    settings = ["output=run", f"train_folders=[{folders}]", "crop=48", "batch_size=2", "workers=0"]
    result = CliRunner().invoke(main, ["speed", "bls2017", *settings, "--seconds", "0.05"])
    assert result.exit_code == 0, result.stderr
    for line, place in zip(result.stdout.splitlines(), places.values(), strict=True):
        assert re.fullmatch(
            rf"{re.escape(str(place))}: [0-9.]+ crops/s of 48x48, 0 workers, [0-9.]+ ms of one core each "
            r"\(\d+ pictures, first batch of 2 after [0-9.]+ s\)",
            line,
        )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["memmap", "-o", "a.npy"], 2),
        (["memmap", "nowhere", "-o", "a.npy"], 6),
        (["memmap", "{pictures}", "-o", "nowhere/a.npy", "--side", "32", "--workers", "0"], 6),
        (["memmap", "{pictures}", "-o", "a.npy", "--side", "320", "--workers", "0"], 6),
        (["shards", "nowhere", "-o", "a"], 6),
        (["shards", "{pictures}", "-o", "nowhere/a"], 6),
        (["speed", "bls2017"], 2),
        (["speed", "bls2017", "output=run", "train_folders=[nowhere]"], 6),
    ],
)
def test_exit_codes(
    arguments: list[str], code: int, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [argument.format(pictures=pictures) for argument in arguments])
    assert result.exit_code == code, result.stderr
    assert "Traceback" not in result.stderr
    if "Usage" not in result.stderr:
        assert result.stderr.count("\n") == 1
