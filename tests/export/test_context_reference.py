"""The slow reference of context models: what it must obey by construction, and an independent way to its numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from references.networks import context_inputs, context_of

from licrt.export import context_reference as reference
from licrt.export.integer_reference import run
from licrt.runtime.context import Rates
from licrt.runtime.integer import Network

ORDERS = (["whole"], ["checkerboard"], ["wavefront"], ["whole", "checkerboard", "wavefront", "checkerboard"])


def decode(model, features, symbols, indexes, point):
    """Decode, and see that every pass asks for the tables that its symbols were coded with."""
    place = 0

    def next_symbols(asked):
        nonlocal place
        place += len(asked)
        assert np.array_equal(asked, indexes[place - len(asked) : place])
        return symbols[place - len(asked) : place]

    y_hat = reference.decode(model, features, next_symbols, point)
    assert place == len(symbols)
    return y_hat


@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize("rate_points", [0, 3])
def test_a_decoder_follows_its_encoder(orders, rate_points):
    random = np.random.default_rng(7)
    model = context_of(random, orders, rate_points=rate_points, bias_sets=bool(rate_points))
    features, latent = context_inputs(random, model, 5, 7)
    for point in range(model.rate_points):
        symbols, indexes, y_hat = reference.encode(model, features, latent, point)
        assert symbols.size == latent.size
        assert len(np.unique(indexes)) >= 40
        assert (symbols != 0).mean() > 0.2
        assert np.array_equal(decode(model, features, symbols, indexes, point), y_hat)
        step = 1 if model.rates is None else model.rates.multiplier[point] / 2.0 ** (model.rates.shift[point] + 4)
        assert np.abs(y_hat / 16 - latent).max() < step + 1 / 8


@pytest.mark.parametrize("order", ["checkerboard", "wavefront"])
def test_the_spatial_features_are_a_masked_convolution_of_the_whole_latent(order):
    """The whole latent at once gives the indexes that its passes had one after the other, so these are causal."""
    random = np.random.default_rng(3)
    model = context_of(random, [order], mean_fraction=2, hidden=())
    features, latent = context_inputs(random, model, 6, 5)
    _, indexes, y_hat = reference.encode(model, features, latent)
    group, shift = model.groups[0], model.latent_shift.astype(np.int64)[:, None, None]
    seen = np.clip((y_hat + ((1 << shift) >> 1)) >> shift, -512, 511).astype(np.int32)
    network = Network(10, 0, np.zeros(6, np.int32), (group.spatial,), 0, np.zeros((1, 0, 0), np.int32))
    spatial = run(network, seen, 6, 5)[1]
    rows, columns = np.mgrid[:6, :5]
    if order == "checkerboard":
        spatial[:, (rows + columns) % 2 == 0] = 0
    read = np.concatenate([features, spatial]).astype(np.int32)
    heads = Network(10, 0, np.zeros(len(read), np.int32), group.parameters, 6, group.thresholds)
    expected = run(heads, read, 6, 5)[0]
    pass_of = (rows + columns) % 2 if order == "checkerboard" else columns + 3 * rows
    sequence = np.lexsort((columns.ravel(), rows.ravel(), pass_of.ravel()))
    assert np.array_equal(indexes, expected.reshape(6, -1)[:, sequence].T.ravel())


def test_dequantise_by_hand():
    """Section 8, worked out on paper: m = 3, k = 1, f = 2, so a step is 3/2 in units of 1/4."""
    rates = Rates(np.int64([3]), np.uint8([1]), np.int64([[0, -2, 1 << 39]]))
    symbols = np.int64([0, 1, -1, 2, -2, 1, -1, 2, 1, -1, 0])
    indexes = np.int64([0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
    means = np.full(11, 100)
    expected = [100, 102, 98, 103, 97, 101, 99, 102, 100 + 2**23 - 1, 100 - 2**23 + 1, 100]
    assert reference.dequantise(symbols, indexes, means, rates, 2, 0).tolist() == expected
    towards_zero = replace(rates, offset=np.int64([[-99, 0, 0]]))
    assert reference.dequantise(np.int64([1, -1]), np.int64([0, 0]), means[:2], towards_zero, 2, 0).tolist() == [
        100,
        100,
    ]
    assert reference.dequantise(symbols, indexes, means, None, 2, 0)[:5].tolist() == [100, 104, 96, 108, 92]
