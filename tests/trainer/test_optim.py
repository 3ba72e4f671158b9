from __future__ import annotations

import io
from typing import Any

import pytest
import torch

from licrt.trainer.optim import LearningRate, make_optimizer
from licrt.trainer.recipe import Recipe, RecipeError


def start(**settings: Any) -> tuple[torch.nn.Parameter, torch.optim.Optimizer, LearningRate]:
    """A weight with its optimiser and learning rate."""
    recipe = Recipe(validation_folders=["pictures"], **({"learning_rate": 1.0, "steps": 12} | settings))
    weight = torch.nn.Parameter(torch.ones(2, 2))
    optimizer = make_optimizer([weight], recipe)
    return weight, optimizer, LearningRate(optimizer, recipe)


def rates(count: int, **settings: Any) -> list[float]:
    """Learning rates of the first steps."""
    weight, optimizer, rate = start(**settings)
    found = []
    for step in range(1, count + 1):
        found.append(rate.value)
        weight.grad = torch.ones_like(weight)
        optimizer.step()
        rate.advance(step)
    return found


def test_constant_without_a_schedule() -> None:
    assert rates(3) == [1, 1, 1]


def test_warm_up_comes_before_the_schedule() -> None:
    settings: dict[str, Any] = {"schedule": "MultiStepLR", "schedule_options": {"milestones": [2, 4], "gamma": 0.5}}
    assert rates(6, **settings) == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert rates(9, warmup_steps=4, **settings) == [0.25, 0.5, 0.75, 1, 1, 1, 0.5, 0.5, 0.25]


@pytest.mark.parametrize("warmup", [0, 3])
def test_schedules_end_with_the_run(warmup: int) -> None:
    cosine = rates(12, schedule="CosineAnnealingLR", warmup_steps=warmup)
    assert max(cosine) == 1
    assert 0 < cosine[-1] < 0.1
    cycle = rates(12, schedule="OneCycleLR", warmup_steps=warmup)
    assert max(cycle) == pytest.approx(1, abs=0.15)
    assert cycle[-1] == pytest.approx(1 / 25 / 1e4, rel=1e-3) or cycle[-1] < 0.05


def test_a_schedule_that_is_over() -> None:
    with pytest.raises(RecipeError, match="schedule OneCycleLR ended before step 5: Tried to step"):
        rates(5, schedule="OneCycleLR", schedule_options={"total_steps": 4})


def test_plateaus_are_of_validations() -> None:
    options = {"factor": 0.5, "patience": 0}
    weight, optimizer, rate = start(schedule="ReduceLROnPlateau", schedule_options=options, warmup_steps=1)
    seen = []
    for step, loss in enumerate([9.0, 8.0, 9.0, 7.0, 7.5], start=1):
        weight.grad = torch.ones_like(weight)
        optimizer.step()
        rate.advance(step)
        rate.validated(step, loss)
        seen.append(rate.value)
    assert seen == [1, 1, 0.5, 0.5, 0.25]
    with pytest.raises(RecipeError, match="follows the loss of validations; set validation_folders"):
        LearningRate(optimizer, Recipe(schedule="ReduceLROnPlateau"))


@pytest.mark.parametrize("optimizer", ["Adam", "AdamW", "SGD", "RMSprop", "NAdam", "Muon"])
@pytest.mark.parametrize("schedule", [
    "", "StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "OneCycleLR",
    "PolynomialLR", "ReduceLROnPlateau",
])  # fmt: skip
def test_states_continue(optimizer: str, schedule: str) -> None:
    """Weights and rates after a state went through a file are those without."""
    options = {
        "StepLR": {"step_size": 2}, "MultiStepLR": {"milestones": [3, 5]}, "ExponentialLR": {"gamma": 0.9},
        "CosineAnnealingWarmRestarts": {"T_0": 3}, "ReduceLROnPlateau": {"patience": 0},
    }.get(schedule, {})  # fmt: skip
    settings = {
        "optimizer": optimizer, "schedule": schedule, "schedule_options": options, "learning_rate": 0.1,
        "warmup_steps": 2, "optimizer_options": {"momentum": 0.9} if optimizer == "SGD" else {},
    }  # fmt: skip

    def go(parts: Any, steps: range) -> list[float]:
        weight, algorithm, rate = parts
        for step in steps:
            weight.grad = weight.detach() * step
            algorithm.step()
            rate.advance(step)
            rate.validated(step, float(step))
        return [rate.value, *weight.detach().flatten().tolist()]

    whole, first, second = start(**settings), start(**settings), start(**settings)
    go(first, range(1, 6))
    file = io.BytesIO()
    torch.save([first[1].state_dict(), first[2].state_dict()], file)
    states = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    second[1].load_state_dict(states[0])
    second[2].load_state_dict(states[1])
    second[0].data.copy_(first[0].data)
    assert go(second, range(6, 10)) == go(whole, range(1, 10))


@pytest.mark.parametrize(("settings", "message"), [
    ({"optimizer": "Sgd"}, "unknown optimizer 'Sgd'; expected a class of torch.optim, such as AdamW"),
    ({"optimizer": "lr_scheduler"}, "unknown optimizer 'lr_scheduler'"),
    ({"optimizer": "LBFGS"}, "unknown optimizer 'LBFGS'"),
    ({"optimizer_options": {"speed": 1}}, "optimizer_options do not fit Adam: .*speed"),
    ({"optimizer_options": {"betas": [2, 3]}}, "optimizer_options do not fit Adam: Invalid beta"),
    ({"schedule": "Cosine"}, "unknown schedule 'Cosine'; expected a class of torch.optim.lr_scheduler"),
    ({"schedule": "Optimizer"}, "unknown schedule 'Optimizer'"),
    ({"schedule": "StepLR"}, "schedule_options do not fit StepLR: .*step_size"),
])  # fmt: skip
def test_mistakes(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as raised:
        start(**settings)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("schedule", ["", "CosineAnnealingLR", "OneCycleLR", "MultiStepLR"])
def test_another_learning_rate_scales_the_rest(schedule: str) -> None:
    options = {"milestones": [2, 7]} if schedule == "MultiStepLR" else {}
    whole = rates(12, schedule=schedule, schedule_options=options)
    weight, optimizer, rate = start(schedule=schedule, schedule_options=options)
    for step in range(1, 6):
        weight.grad = torch.ones_like(weight)
        optimizer.step()
        rate.advance(step)
    weight, slower, rest = start(schedule=schedule, schedule_options=options, learning_rate=0.25)
    slower.load_state_dict(optimizer.state_dict())
    rest.load_state_dict(rate.state_dict())
    found = []
    for step in range(6, 13):
        found.append(rest.value)
        weight.grad = torch.ones_like(weight)
        slower.step()
        rest.advance(step)
    assert found == pytest.approx([each / 4 for each in whole[5:]])
