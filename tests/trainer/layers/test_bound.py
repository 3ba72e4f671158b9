from __future__ import annotations

import numpy as np
import pytest
import torch

from licrt.trainer.layers import LowerBound, NonNegative


def test_value_and_gradient_around_the_bound() -> None:
    x = torch.tensor([0.5, 0.5, 1.0, 2.0], requires_grad=True)
    y = LowerBound(1.0)(x)
    assert y.tolist() == [1, 1, 1, 2]
    y.backward(torch.tensor([1.0, -1.0, 1.0, 1.0]))
    # Descent with a negative gradient raises x, so it passes below the bound.
    assert x.grad is not None
    assert x.grad.tolist() == [0, -1, 1, 1]


def test_same_values_without_gradient() -> None:
    x = torch.linspace(-1, 1, 9)
    bounded = LowerBound(0.25)
    assert torch.equal(bounded(x), bounded(x.clone().requires_grad_()).detach())


def test_bounds_are_those_of_checkpoints() -> None:
    reparametrisation = NonNegative(minimum=1e-6)
    assert reparametrisation.pedestal.item() == 2**-36
    assert reparametrisation.lower_bound.bound.item() == np.float32((1e-6 + 2**-36) ** 0.5)
    assert NonNegative().lower_bound.bound.item() == 2**-18


def test_stored_form_round_trips() -> None:
    reparametrisation = NonNegative(minimum=1e-6)
    values = torch.tensor([1e-6, 0.1, 1.0, 30.0])
    torch.testing.assert_close(reparametrisation(reparametrisation.stored(values)), values, rtol=1e-6, atol=1e-9)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "module", "arguments"),
    [
        ("LowerBound", LowerBound(0.3), {"bound": 0.3}),
        ("NonNegativeParametrizer", NonNegative(minimum=1e-6), {"minimum": 1e-6}),
    ],
)
def test_equals_compressai(oracle, name, module, arguments) -> None:
    random = np.random.default_rng(1)
    x, grad = random.normal(size=(2, 5, 7)).astype(np.float32)
    x[0, :3] = [0.3, 2**-18, 1e-3]
    expected = oracle("run_module", module=name, arguments=arguments, x=x, grad_output=grad)
    mine = torch.from_numpy(x).requires_grad_()
    output = module(mine)
    output.backward(torch.from_numpy(grad))
    np.testing.assert_array_equal(output.detach().numpy(), expected["output"])
    assert mine.grad is not None
    np.testing.assert_array_equal(mine.grad.numpy(), expected["grad:x"])
