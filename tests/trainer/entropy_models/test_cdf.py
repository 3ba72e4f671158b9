from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from licrt.trainer.entropy_models.cdf import cdf_table, pmf_to_quantized_cdf

FLOATS = st.floats(0, 1, width=32)


def adversarial_pmfs() -> dict[str, np.ndarray]:
    """Probability mass functions at the edges of the rule."""
    random = np.random.default_rng(5)
    steep = np.exp(-np.arange(3133) / 3.0)
    pmfs = {
        "one symbol": [1.0],
        "known vector": [0.1, 0.2, 0, 0],
        "zeros first": [0, 0, 0, 1.0],
        "zeros on both sides": [0] * 40 + [0.3, 0.7] + [0] * 40,
        "denormals": [1e-45, 1e-40, 0.5, 0.5, 1e-42],
        "half a count": [0.5 / 65536, 1.5 / 65536, 2.5 / 65536, 1.0],
        "just below half a count": [np.nextafter(np.float32(0.5 / 65536), np.float32(0)), 1.0],
        "ties among donors": [0.25, 0, 0.25, 0, 0.25, 0, 0.25],
        "donors run down to one": [3 / 65536] * 6 + [0] * 11 + [1.0],
        "far from normalised": [100.0, 20.0, 0.0, 3.5],
        "far below normalised": [2e-5, 0, 1e-5],
        "last symbol gets the rest": [1 / 3] * 3,
        "long": random.random(5000) ** 8,
        "long tail": steep / steep.sum(),
        "as many symbols as frequencies": np.full(65536, 1 / 65536),
        "nearly as many, most of them zero": np.concatenate([[1.0], np.zeros(65000)]),
    }
    for place in (0, 100, 599):
        pmfs[f"one-hot at {place}"] = np.eye(600)[place]
    for seed, size in enumerate([2, 3, 7, 50, 300, 3133] * 5):
        random = np.random.default_rng(seed)
        pmf = random.gamma(10.0 ** random.integers(-3, 2), size=size) + 1e-30
        pmfs[f"random {seed}"] = pmf / pmf.sum()
    return {name: np.asarray(pmf, np.float32) for name, pmf in pmfs.items()}


BAD = {
    "negative": [0.5, -0.1],
    "not a number": [0.5, np.nan],
    "infinite": [0.5, np.inf],
    "all zero": [0.0, 0.0],
    "all round to zero": [1e-6, 1e-6],
    "empty": [],
}


@pytest.mark.oracle
def test_equals_compressai(oracle) -> None:
    pmfs = adversarial_pmfs()
    expected = oracle(
        "quantized_cdf", precision=16, lengths=[len(pmf) for pmf in pmfs.values()], pmf=np.concatenate([*pmfs.values()])
    )
    assert not expected["errors"]
    rows = np.split(expected["cdf"], np.cumsum(expected["lengths"])[:-1])
    for (name, pmf), row in zip(pmfs.items(), rows, strict=True):
        np.testing.assert_array_equal(pmf_to_quantized_cdf(pmf), row, err_msg=name)


@pytest.mark.oracle
def test_refuses_what_compressai_refuses(oracle) -> None:
    expected = oracle(
        "quantized_cdf", precision=16, lengths=[len(pmf) for pmf in BAD.values()],
        pmf=np.concatenate([*BAD.values()]).astype(np.float32),
    )  # fmt: skip
    assert len(expected["errors"]) == len(BAD)


@pytest.mark.parametrize("name", BAD)
def test_refuses(name: str) -> None:
    with pytest.raises(ValueError, match="probabilit"):
        pmf_to_quantized_cdf(np.array(BAD[name], np.float32))


def test_refuses_more_symbols_than_frequencies() -> None:
    with pytest.raises(ValueError, match="65537 symbols do not fit into 65536 frequencies"):
        pmf_to_quantized_cdf(np.full(65537, 1e-4, np.float32))
    with pytest.raises(ValueError, match="5 symbols do not fit into 4 frequencies"):
        pmf_to_quantized_cdf(np.full(5, 0.2, np.float32), precision=2)


@given(st.lists(FLOATS, min_size=1, max_size=200), st.integers(8, 16))
def test_rises_strictly_from_zero_to_the_whole(pmf: list[float], precision: int) -> None:
    values = np.array([*pmf, 0.5], np.float32)
    cdf = pmf_to_quantized_cdf(values, precision)
    assert cdf.dtype == np.int32
    assert cdf[0] == 0
    assert cdf[-1] == 1 << precision
    assert (np.diff(cdf) > 0).all()


def test_table_pads_with_zeros() -> None:
    rows = [np.array([0.9, 0.1], np.float32), np.array([0.2, 0.3, 0.4, 0.1], np.float32)]
    table = cdf_table(rows)
    assert table.shape == (2, 5)
    assert table[0].tolist() == [*pmf_to_quantized_cdf(rows[0]).tolist(), 0, 0]
    assert table[1].tolist() == pmf_to_quantized_cdf(rows[1]).tolist()
