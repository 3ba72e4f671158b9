from __future__ import annotations

import numpy as np
import pytest
import torch

from licrt.runtime.errors import ModelError
from licrt.trainer.entropy_models import EntropyBottleneck


@pytest.fixture
def bottleneck() -> EntropyBottleneck:
    """A prior of five channels with random densities and quantiles."""
    torch.manual_seed(6)
    module = EntropyBottleneck(5).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return module


def test_rounds_around_the_medians(bottleneck: EntropyBottleneck) -> None:
    x = 10 * torch.randn(2, 5, 3, 4)
    x_hat, likelihoods = bottleneck(x)
    symbols = x_hat - bottleneck.medians[None, :, None, None]
    torch.testing.assert_close(symbols, symbols.round(), rtol=0, atol=1e-5)
    assert ((x_hat - x).abs() <= 0.5 + 1e-5).all()
    assert ((likelihoods > 0) & (likelihoods <= 1)).all()


def test_noise_in_training_is_uniform_and_passes_the_gradient() -> None:
    torch.manual_seed(7)
    x = torch.zeros(4, 5, 16, 16, requires_grad=True)
    x_hat, _ = EntropyBottleneck(5).train()(x)
    noise = x_hat.detach()
    assert noise.abs().max() <= 0.5
    assert abs(noise.var().item() - 1 / 12) < 0.005
    x_hat.sum().backward()
    assert x.grad is not None
    assert (x.grad == 1).all()


def test_only_the_auxiliary_loss_trains_quantiles() -> None:
    module = EntropyBottleneck(5)
    _, likelihoods = module(torch.randn(1, 5, 4, 4))
    likelihoods.sum().backward()
    assert module.quantiles.grad is None
    for parameter in module.parameters():
        parameter.grad = None
    module.loss().backward()
    assert module.quantiles.grad is not None
    assert module.matrices[0].grad is None


def test_update_keeps_tables_unless_forced(bottleneck: EntropyBottleneck) -> None:
    with pytest.raises(ModelError, match=r"call its update\(\) first"):
        bottleneck.tables()
    assert bottleneck.update()
    before = bottleneck.tables()[0].copy()
    with torch.no_grad():
        bottleneck.biases[-1] += 1
    assert not bottleneck.update()
    np.testing.assert_array_equal(bottleneck.tables()[0], before)
    assert bottleneck.update(force=True)
    assert not np.array_equal(bottleneck.tables()[0], before)


def test_tables_follow_the_density(bottleneck: EntropyBottleneck) -> None:
    bottleneck.update()
    cdf, lengths, offsets = bottleneck.tables()
    assert {array.dtype for array in (cdf, lengths, offsets)} == {np.dtype(np.int32)}
    for channel in range(5):
        values = torch.arange(lengths[channel] - 2) + offsets[channel] + bottleneck.medians[channel]
        x = torch.zeros(1, 5, 1, len(values))
        x[0, channel, 0] = values
        likelihoods = bottleneck(x)[1][0, channel, 0].detach().numpy()
        frequencies = np.diff(cdf[channel, : lengths[channel]])[:-1] / 65536
        np.testing.assert_allclose(frequencies, likelihoods, atol=3e-3)


@pytest.mark.oracle
def test_equals_compressai(oracle, bottleneck: EntropyBottleneck, to_arrays) -> None:
    random = np.random.default_rng(8)
    x = (5 * random.normal(size=(2, 5, 3, 4))).astype(np.float32)
    grad = random.normal(size=x.shape).astype(np.float32)
    expected = oracle(
        "run_module",
        module="EntropyBottleneck",
        arguments={"channels": 5},
        x=x,
        grad_output=grad,
        **to_arrays(bottleneck),
    )
    x_hat, likelihoods = bottleneck(torch.from_numpy(x))
    likelihoods.backward(torch.from_numpy(grad))
    np.testing.assert_array_equal(x_hat.detach().numpy(), expected["output"])
    np.testing.assert_allclose(likelihoods.detach().numpy(), expected["likelihood"], rtol=1e-5, atol=1e-7)
    for name, parameter in bottleneck.named_parameters():
        if name != "quantiles":
            assert parameter.grad is not None
            np.testing.assert_allclose(parameter.grad.numpy(), expected[f"grad:{name}"], rtol=1e-4, atol=1e-6)
