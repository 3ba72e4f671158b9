from __future__ import annotations

import numpy as np
import pytest
import torch

from licrt.trainer.layers import GDN, GDN1

KINDS = {"GDN": (GDN, False), "inverse GDN": (GDN, True), "GDN1": (GDN1, False), "inverse GDN1": (GDN1, True)}


@pytest.fixture(params=KINDS)
def layer(request: pytest.FixtureRequest) -> GDN:
    """A layer with random parameters, some stored below their bounds."""
    kind, inverse = KINDS[request.param]
    module = kind(6, inverse=inverse)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        module.beta += 0.3 * torch.randn(6, generator=generator)
        module.gamma += 0.2 * torch.randn(6, 6, generator=generator)
        module.beta[0] = -0.5
    return module


def test_formula(layer: GDN) -> None:
    beta, gamma = (value.detach().double() for value in layer.effective())
    x = torch.randn(2, 6, 3, 4, generator=torch.Generator().manual_seed(3)).double()
    energy = x.abs() if layer.simplified else x**2
    norm = beta[None, :, None, None] + torch.einsum("ij,bjhw->bihw", gamma, energy)
    norm = norm if layer.simplified else norm.sqrt()
    expected = x * norm if layer.inverse else x / norm
    torch.testing.assert_close(layer(x.float()).double(), expected, rtol=1e-5, atol=1e-6)


def test_effective_values_are_in_range(layer: GDN) -> None:
    beta, gamma = layer.effective()
    assert (beta >= 0.99e-6).all()
    assert (gamma >= 0).all()
    assert gamma.min() == 0  # a stored value below the bound


@pytest.mark.oracle
def test_equals_compressai(oracle, layer: GDN, to_arrays) -> None:
    random = np.random.default_rng(4)
    x, grad = random.normal(size=(2, 2, 6, 5, 4)).astype(np.float32)
    name, arguments = type(layer).__name__, {"in_channels": 6, "inverse": layer.inverse}
    expected = oracle("run_module", module=name, arguments=arguments, x=x, grad_output=grad, **to_arrays(layer))
    mine = torch.from_numpy(x).requires_grad_()
    output = layer(mine)
    output.backward(torch.from_numpy(grad))
    np.testing.assert_allclose(output.detach().numpy(), expected["output"], rtol=1e-5, atol=1e-5)
    for gradient, key in ((mine.grad, "grad:x"), (layer.beta.grad, "grad:beta"), (layer.gamma.grad, "grad:gamma")):
        assert gradient is not None
        np.testing.assert_allclose(gradient.numpy(), expected[key], rtol=1e-5, atol=1e-5)
