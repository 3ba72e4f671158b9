"""The training example: 200 steps on the photographs beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from licrt.trainer.loop import train
from licrt.trainer.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "training"


def records(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_photographs_are_few_and_credited() -> None:
    photos = sorted((FOLDER / "photos").iterdir())
    assert len(photos) == 20
    assert sum(path.stat().st_size for path in photos) < 1_500_000
    credited = (FOLDER / "CREDITS.md").read_text()
    for path in photos:
        assert f"`{path.stem}`" in credited or path.stem.startswith("clic-")
        with Image.open(path) as image:
            assert max(image.size) == 384


def test_ends_within_one_per_cent_of_the_logged_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    train(load_recipe("examples/training/small.yaml", [f"output={tmp_path / 'run'}"]))
    found, logged = (records(path)[-1] for path in (tmp_path / "run" / "metrics.jsonl", FOLDER / "small.jsonl"))
    assert found["step"] == logged["step"] == 200
    assert found["loss"] == pytest.approx(logged["loss"], rel=0.01)
