from __future__ import annotations

import pytest
import torch

from licrt.trainer.average import copy_buffers, start_average, update_average


def test_the_average_follows_slowly_and_the_first_steps_faster() -> None:
    model = torch.nn.Linear(2, 1)
    average = start_average(model)
    assert not any(parameter.requires_grad for parameter in average.parameters())
    expected = average.weight.clone()
    for step in range(1, 200):
        with torch.no_grad():
            model.weight += 1
        update_average(average, model, 0.9, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * model.weight.detach()
    torch.testing.assert_close(average.weight, expected)
    # Behind a weight that grows by one a step is the average of its last ten values.
    assert (model.weight - average.weight).max().item() == pytest.approx(9, abs=0.01)


def test_buffers_are_the_models() -> None:
    model = torch.nn.BatchNorm1d(2)
    average = start_average(model)
    model(torch.randn(8, 2))
    assert not torch.equal(average.running_mean, model.running_mean)
    copy_buffers(average, model)
    assert torch.equal(average.running_mean, model.running_mean)
