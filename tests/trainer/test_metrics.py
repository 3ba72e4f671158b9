from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from licrt.runtime.errors import PictureError
from licrt.trainer.metrics import Metrics

if TYPE_CHECKING:
    from pathlib import Path


def rows(folder: Path) -> list[dict[str, str]]:
    """Rows of the CSV file."""
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_both_files_tell_the_same(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, ("loss", "validation_loss"))
    metrics.keep_until(0)
    metrics.append({"step": 1, "loss": 0.1, "more": 5.0})
    metrics.append({"step": 1, "validation_loss": 1e-30})
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [{"step": 1, "loss": 0.1, "more": 5.0}, {"step": 1, "validation_loss": 1e-30}]
    assert rows(tmp_path) == [
        {"step": "1", "loss": "0.1", "validation_loss": ""},
        {"step": "1", "loss": "", "validation_loss": "1e-30"},
    ]


def test_later_records_are_dropped_from_both(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, ("loss",))
    metrics.keep_until(0)
    for step in range(1, 6):
        metrics.append({"step": step, "loss": step / 10})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2')  # as a kill in the middle of a write leaves it
    (tmp_path / "metrics.csv").unlink()
    Metrics(tmp_path, ("further", "loss")).keep_until(3)
    assert [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [1, 2, 3]
    assert rows(tmp_path) == [{"step": str(step), "further": "", "loss": str(step / 10)} for step in (1, 2, 3)]


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"cannot write .*metrics\.jsonl: No such file"):
        Metrics(tmp_path / "nowhere", ()).append({"step": 1})
