from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch

from licrt.trainer.losses import LAMBDAS, rate_distortion
from licrt.trainer.models import ARCHITECTURES, BLS2017
from licrt.trainer.models.variable_rate import GAINS, VariableRate
from licrt.trainer.objective import draw_levels, level_lambdas, level_weights, objective_of
from licrt.trainer.recipe import Recipe, RecipeError

VARIABLE = [arch for arch, model in ARCHITECTURES.items() if issubclass(model, VariableRate)]
NUMBERS = torch.tensor([40, 41, 42, 43])


def recipe(arch: str, **changes: object) -> Recipe:
    defaults = Recipe(
        arch=arch, channels=8, latent_channels=12, lmbda=0.18, stage="joint", train_folders=["a"], output="b", seed=3
    )
    return replace(defaults, **changes)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_one_rate(x: torch.Tensor) -> None:
    model = BLS2017(4, 6).eval()
    loss = objective_of(recipe("bls2017", lmbda=0.02, stage=""), model)(model, x, NUMBERS)
    assert loss == rate_distortion(model(x), x, 0.02)


@pytest.mark.parametrize("arch", [arch for arch in VARIABLE if arch.endswith("-vbr")])
def test_stage_1_is_a_model_of_one_rate(arch: str, perturbed, x: torch.Tensor) -> None:
    model = perturbed(arch)
    single = ARCHITECTURES[arch.removesuffix("-vbr")](8, 12).eval()
    single.load_state_dict(model.state_dict(), strict=False)
    loss = objective_of(recipe(arch, stage="1"), model)(model, x, NUMBERS)
    assert loss == rate_distortion(single(x), x, 0.18)


@pytest.mark.parametrize("stage", ["2", "joint"])
@pytest.mark.parametrize("arch", VARIABLE)
def test_each_picture_has_its_own_level(arch: str, stage: str, perturbed, x: torch.Tensor) -> None:
    """The loss of a batch is the mean of those of its pictures, each coded alone at its level."""
    model = perturbed(arch)
    levels = draw_levels(3, NUMBERS, 8).tolist()
    assert len(set(levels)) > 2
    loss = objective_of(recipe(arch, stage=stage), model)(model, x, NUMBERS)
    weights = level_weights(torch.tensor(LAMBDAS["mse"])).tolist() if stage == "joint" else [1.0] * 8
    alone = [
        rate_distortion(model(picture[None], stage=2, s=level), picture[None], LAMBDAS["mse"][level])
        for picture, level in zip(x, levels, strict=True)
    ]
    expected = sum(weights[level] * each.total.item() for level, each in zip(levels, alone, strict=True)) / 4
    assert loss.total.item() == pytest.approx(expected, rel=1e-4)
    assert loss.bpp.item() == pytest.approx(sum(each.bpp.item() for each in alone) / 4, rel=1e-4)
    assert len({round(each.bpp.item(), 4) for each in alone}) == 4


@pytest.mark.parametrize("arch", VARIABLE)
def test_everything_but_the_gains_is_trained(arch: str, x: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = ARCHITECTURES[arch](8, 12).train()
    objective_of(recipe(arch), model)(model, 4 * x, NUMBERS).total.backward()
    idle = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert idle == {"Gain", "entropy_bottleneck.quantiles"}


def test_levels_depend_on_seed_and_number_only() -> None:
    numbers = torch.arange(4000)
    levels = draw_levels(1, numbers, 8)
    assert torch.equal(draw_levels(1, numbers.flip(0), 8).flip(0), levels)
    assert not torch.equal(draw_levels(2, numbers, 8), levels)
    counts = Counter(levels.tolist())
    assert sorted(counts) == list(range(8))
    assert all(abs(count - 500) < 100 for count in counts.values())  # five standard deviations


def test_levels_have_the_published_weights_in_the_ratio_of_the_highest() -> None:
    for metric, published in LAMBDAS.items():
        assert len(published) == len(GAINS)
        assert torch.equal(level_lambdas(published[-1], metric), torch.tensor(published))
        assert level_lambdas(1.0, metric)[-1].item() == 1.0


@pytest.mark.parametrize(("arch", "changes", "message"), [
    ("bls2017", {"stage": "", "metric": "ms-ssim", "crop": 128}, "crop is 128, expected 161 or more for metric=ms"),
    ("bls2017", {"stage": "", "metric": "vmaf"}, "metric is 'vmaf', expected mse, ms-ssim"),
    ("bls2017", {"stage": "joint"}, "stage is 'joint', expected nothing for bls2017"),
    ("licrt2026", {"stage": "1"}, "stage is '1', expected 2, joint for licrt2026"),
    ("mbt2018-mean-vbr", {"stage": ""}, "stage is '', expected 1, 2, joint for mbt2018-mean-vbr"),
])  # fmt: skip
def test_mistakes(arch: str, changes: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        objective_of(recipe(arch, **changes), ARCHITECTURES[arch](8, 12))


def test_ms_ssim_is_minimised(perturbed) -> None:
    model = perturbed("mbt2018-mean-vbr")
    x = torch.rand(2, 3, 192, 192, generator=torch.Generator().manual_seed(0))
    for stage in ("1", "joint"):
        settings = recipe(model.arch, stage=stage, metric="ms-ssim", lmbda=220.0, crop=192)
        loss = objective_of(settings, model)(model, x, NUMBERS[:2])
        assert 0 < loss.total - loss.bpp < 500
