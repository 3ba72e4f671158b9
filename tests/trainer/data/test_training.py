"""That the loop reads what the recipe says, from places of every kind."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from licrt.trainer.loop import train
from licrt.trainer.metrics import JSON_LINES
from licrt.trainer.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path


def losses(recipe: Recipe, folder: Path) -> list[float]:
    """Of the first two steps."""
    train(replace(recipe, output=str(folder)))
    records = [json.loads(line) for line in (folder / JSON_LINES).read_text().splitlines()]
    return [record["loss"] for record in records]


@pytest.fixture
def recipe(places: dict[str, Path]) -> Recipe:
    return Recipe(
        arch="bmshj2018-factorized", channels=4, latent_channels=6, lmbda=0.01, steps=2, batch_size=8, crop=48,
        train_folders=[str(place) for place in places.values()], log_every=1, workers=0, threads=1, device="cpu",
    )  # fmt: skip


def test_keys_of_reading_reach_the_loop(recipe: Recipe, tmp_path: Path) -> None:
    first = losses(recipe, tmp_path / "first")
    assert len(first) == 2
    assert losses(replace(recipe, cache_megabytes=1.0, workers=1), tmp_path / "cached") == first
    assert losses(replace(recipe, flip=False), tmp_path / "plain")[0] != first[0]
    assert losses(replace(recipe, crops_per_picture=2), tmp_path / "double")[0] != first[0]
