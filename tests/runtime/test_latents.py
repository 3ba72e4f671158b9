"""Quantisation and its exact inverse, against the slow reference."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from references.networks import rates_of

from licrt.export import context_reference as reference
from licrt.runtime.context import Rates, prove_rates
from licrt.runtime.errors import LicrtError
from licrt.runtime.latents import MAX_SYMBOL, dequantise, expect_finite, quantise, to_float


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 8), st.sampled_from([0, 1, 5]), st.booleans(), st.booleans())
def test_both_ways_are_those_of_the_reference(seed, fraction, points, with_means, extreme):
    random = np.random.default_rng(seed)
    shape = (3, 4, 5)
    rates = rates_of(random, points, 7, fraction) if points else None
    if points and extreme:
        rates = Rates(
            random.choice([1, 2**30], points), random.choice([1, 30], points).astype(np.uint8),
            random.choice([1 - 2**40, -5, 0, 2**40 - 1], (points, 7)),
        )  # fmt: skip
        prove_rates(rates, points, 7)
    point = int(random.integers(max(points, 1)))
    latent = (random.standard_cauchy(shape) * 30).astype(np.float32)
    means = random.integers(-(2**21), 2**21, shape).astype(np.int32) >> (0 if extreme else 12)
    indexes = random.integers(0, 7, shape).astype(np.int32)
    means = means if with_means else means[:0]
    whole_means = means.astype(np.int64) if with_means else np.zeros(shape, np.int64)
    symbols = quantise(latent, means, fraction, rates, point)
    with np.errstate(over="ignore"):
        assert np.array_equal(symbols, reference.quantise(latent, whole_means, rates, fraction, point))
    symbols.flat[:3] = MAX_SYMBOL, -MAX_SYMBOL, 0
    expected = reference.dequantise(symbols.astype(np.int64), indexes, whole_means, rates, fraction, point)
    y_hat = dequantise(symbols, indexes, means, fraction, rates, point)
    assert y_hat is symbols
    assert y_hat.dtype == np.int32
    assert np.array_equal(y_hat, expected)
    assert np.abs(y_hat.astype(np.int64)).max() < 1 << 24
    assert np.array_equal(to_float(y_hat, fraction).astype(np.float64) * 2**fraction, expected)


def test_finite_latents():
    latent = np.zeros((2, 3, 4), np.float32)
    expect_finite(latent)
    for value in (np.nan, np.inf, -np.inf):
        latent[1, 2, 3] = value
        with pytest.raises(LicrtError, match="not finite"):
            expect_finite(latent)
