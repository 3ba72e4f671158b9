from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import torch
from references.sizes import sizes

from licrt.runtime.errors import PictureError
from licrt.trainer.checkpoint import load_checkpoint
from licrt.trainer.loop import train
from licrt.trainer.losses import LAMBDAS
from licrt.trainer.models import ARCHITECTURES
from licrt.trainer.objective import objective_of
from licrt.trainer.recipe import SHIPPED, RecipeError, load_recipe, to_yaml

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = ["train_folders=[a,b]", "output=run"]


def test_every_architecture_has_a_recipe_of_its_name() -> None:
    assert {path.stem for path in SHIPPED.glob("*.yaml")} == {*ARCHITECTURES}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_recipes_fit_their_architectures(arch: str, tmp_path: Path) -> None:
    recipe = load_recipe(arch, NEEDED)
    assert recipe.arch == arch
    assert recipe.train_folders == ["a", "b"]
    assert recipe.crop % ARCHITECTURES[arch].stride == 0
    with torch.device("meta"):
        model = ARCHITECTURES[arch](recipe.channels, recipe.latent_channels)
    objective_of(recipe, model)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_recipes_train(arch: str, pictures: Path, tmp_path: Path) -> None:
    channels, latent_channels = sizes(arch, 8, 12)
    recipe = load_recipe(
        arch,
        [
            f"train_folders={pictures}", f"output={tmp_path / 'run'}", f"channels={channels}", "log_every=1", "crop=64",
            f"latent_channels={latent_channels}", "batch_size=2", "steps=1", "threads=1", "workers=0", "device=cpu",
        ],
    )  # fmt: skip
    assert load_checkpoint(train(recipe), arch).channels == channels


@pytest.mark.parametrize("name", [path.stem for path in SHIPPED.glob("*.yaml")])
def test_tables_in_comments_are_the_published_ones(name: str) -> None:
    text = (SHIPPED / f"{name}.yaml").read_text()
    for metric, published in LAMBDAS.items():
        for row in re.findall(rf"^#   lmbda ([ .0-9]+) metric={metric}", text, re.M):
            found = tuple(float(value) for value in row.split())
            assert found == published[: len(found)] or name.startswith("elic2022")
            assert len(found) in {6, 8}


def test_overrides_win_and_are_typed() -> None:
    recipe = load_recipe(
        "mbt2018-mean", [*NEEDED, "lmbda=1e-3", "steps=7", "schedule_options={milestones: [3, 5]}", "learning_rate=1"]
    )
    assert (recipe.lmbda, recipe.steps, recipe.schedule_options, recipe.learning_rate) == (
        0.001,
        7,
        {"milestones": [3, 5], "gamma": 0.5},
        1.0,
    )


def test_another_schedule_brings_its_own_options() -> None:
    plateau = ["schedule=ReduceLROnPlateau", "schedule_options={factor: 0.5, patience: 20}"]
    recipe = load_recipe("mbt2018-mean", [*NEEDED, *plateau])
    assert (recipe.schedule, recipe.schedule_options) == ("ReduceLROnPlateau", {"factor": 0.5, "patience": 20})
    assert load_recipe("mbt2018-mean", [*NEEDED, "schedule=''"]).schedule_options == {}
    assert load_recipe("mbt2018-mean", [*NEEDED, "schedule_options.gamma=0.3"]).schedule_options["gamma"] == 0.3


def test_one_folder_needs_no_brackets() -> None:
    recipe = load_recipe("bls2017", ["train_folders=a b", "validation_folders=c", "output=run"])
    assert (recipe.train_folders, recipe.validation_folders) == (["a b"], ["c"])


def test_printed_recipe_reads_back(tmp_path: Path) -> None:
    recipe = load_recipe("bls2017", NEEDED)
    (tmp_path / "recipe.yaml").write_text(to_yaml(recipe))
    assert load_recipe(str(tmp_path / "recipe.yaml")) == recipe


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "leaves out output, train_folders; add key=value"),
        ([*NEEDED, "colour=red"], "Key 'colour' not in 'Recipe'"),
        ([*NEEDED, "steps=many"], "'many' of type 'str' could not be converted to Integer"),
        ([*NEEDED, "steps=0"], "steps is 0, expected more than 0"),
        ([*NEEDED, "lmbda=nan"], "lmbda is nan, expected more than 0"),
        ([*NEEDED, "workers=-1"], "workers is -1, expected 0 or more"),
        ([*NEEDED, "schedule_options=5"], "schedule_options"),
        ([*NEEDED, "ema_decay=1"], "ema_decay is 1.0, expected 0 or more and less than 1"),
        ([*NEEDED, "precision=fp16"], "precision is fp16, expected 32 or bf16"),
        ([*NEEDED, "tensorboard=true"], "tensorboard is True, expected auto or always or never"),
        ([*NEEDED, "clip_norm=-1"], "clip_norm is -1.0, expected 0 or more"),
        ([*NEEDED, "warmup_steps=-1"], "warmup_steps is -1, expected 0 or more"),
        ([*NEEDED, "train_folders=[]"], "train_folders is empty, expected at least one folder"),
        ([*NEEDED, "steps"], "'steps' is not of the form key=value"),
        ([*NEEDED, "output=${nowhere}"], "nowhere"),
    ],
)
def test_mistakes_in_overrides(overrides: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as raised:
        load_recipe("bls2017", overrides)
    assert raised.value.exit_code == 2
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "just words", "colour: red\n", "steps: [1]\n", "\tx: 1"])
def test_mistakes_in_files(text: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(RecipeError) as raised:
        load_recipe(str(tmp_path / "recipe.yaml"), NEEDED)
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"cannot read recipe nowhere\.yaml: .* or one of bls2017, bmshj2018"):
        load_recipe("nowhere.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(RecipeError, match="is not a text file"):
        load_recipe(str(tmp_path / "binary.yaml"))
