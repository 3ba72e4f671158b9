from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from licrt.trainer.entropy_models import GaussianConditional
from licrt.trainer.entropy_models.gaussian import default_scale_table


@pytest.fixture(scope="module")
def conditional() -> GaussianConditional:
    """The prior with its tables."""
    module = GaussianConditional().eval()
    module.update()
    return module


def probability(value: float, mean: float, scale: float) -> float:
    """Mass of the unit interval around a value, in float64."""

    def below(x: float) -> float:
        return 0.5 * math.erfc((mean - x) / (scale * math.sqrt(2)))

    return below(value + 0.5) - below(value - 0.5)


def test_likelihood_is_the_mass_of_the_bin() -> None:
    x, scales, means = [3.2, -0.4, 0.0], [2.0, 0.01, 0.5], [1.0, 0.3, 0.0]
    arguments = (torch.tensor(values).reshape(1, 1, 1, 3) for values in (x, scales, means))
    x_hat, likelihoods = GaussianConditional().eval()(*arguments)
    assert x_hat.flatten().tolist() == pytest.approx([3.0, -0.7, 0.0])
    values = zip(x_hat.flatten().tolist(), means, scales, strict=True)
    expected = [probability(value, mean, max(scale, 0.11)) for value, mean, scale in values]
    np.testing.assert_allclose(likelihoods.flatten().numpy(), expected, rtol=1e-4)


def test_likelihood_is_bounded_below() -> None:
    _, likelihoods = GaussianConditional().eval()(torch.full((1, 1, 1, 1), 500.0), torch.ones(1, 1, 1, 1))
    assert likelihoods.item() == np.float32(1e-9)


def test_scale_table() -> None:
    table = default_scale_table()
    assert table.shape == (64,)
    assert table[0].item() == pytest.approx(0.11)
    assert table[-1].item() == pytest.approx(256)


def test_tables_have_the_known_sizes(conditional: GaussianConditional) -> None:
    cdf, lengths, offsets = conditional.tables()
    assert cdf.shape == (64, 3133)
    assert lengths.sum() == 27256
    assert cdf[0, :5].tolist() == [0, 1, 65534, 65535, 65536]
    assert (offsets[0], offsets[-1]) == (-1, -1565)


def test_index_is_the_smallest_scale_that_is_not_below(conditional: GaussianConditional) -> None:
    table = conditional.scale_table
    scales = torch.cat([table, torch.nextafter(table, torch.tensor(1e9)), torch.tensor([-1.0, 0.0, 1e6])])
    indexes = conditional.build_indexes(scales)
    assert indexes.dtype == torch.int32
    expected = [*range(64), *range(1, 64), 63, 0, 0, 63]
    # The first scale in float32 may lie a hair below or above the bound of 0.11.
    assert indexes.tolist() == expected


@pytest.mark.oracle
def test_indexes_equal_compressai(oracle, conditional: GaussianConditional) -> None:
    random = np.random.default_rng(9)
    table = conditional.scale_table.numpy()
    spread = np.exp(random.uniform(-4, 7, 2000))
    scales = np.concatenate([spread, table, np.nextafter(table, 0), [0, -1, np.nan, np.inf]]).astype(np.float32)
    expected = oracle("build_indexes", scales=scales, scale_table=table.tolist())["indexes"]
    np.testing.assert_array_equal(conditional.build_indexes(torch.from_numpy(scales)).numpy(), expected)


@pytest.mark.oracle
@pytest.mark.parametrize("names", [["scales"], ["scales", "means"]], ids="-".join)
def test_equals_compressai(oracle, names: list[str]) -> None:
    random = np.random.default_rng(10)
    shape = (2, 4, 5, 3)
    x = (4 * random.normal(size=shape)).astype(np.float32)
    grad = random.normal(size=shape).astype(np.float32)
    inputs = {
        "scales": np.exp(random.uniform(-4, 3, shape)).astype(np.float32),
        "means": random.normal(size=shape).astype(np.float32),
    }
    inputs = {name: inputs[name] for name in names}
    arrays = {"x": x, "grad_output": grad, **inputs}
    arguments = {"scale_table": None}
    expected = oracle("run_module", module="GaussianConditional", arguments=arguments, inputs=names, **arrays)
    mine = {name: torch.from_numpy(value).requires_grad_() for name, value in {"x": x, **inputs}.items()}
    x_hat, likelihoods = GaussianConditional().eval()(*mine.values())
    likelihoods.backward(torch.from_numpy(grad))
    np.testing.assert_array_equal(x_hat.detach().numpy(), expected["output"])
    np.testing.assert_allclose(likelihoods.detach().numpy(), expected["likelihood"], rtol=1e-5, atol=1e-9)
    for name, tensor in mine.items():
        assert tensor.grad is not None
        np.testing.assert_allclose(tensor.grad.numpy(), expected[f"grad:{name}"], rtol=1e-5, atol=1e-6, err_msg=name)
