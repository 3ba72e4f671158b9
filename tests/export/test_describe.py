"""What the exporter writes of networks and context models is what the runtime reads."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from references.networks import context_of, fixed_network, layer_of, network_of
from safetensors.numpy import save

from licrt.export.describe import describe_context, describe_network, describe_rates
from licrt.runtime.description import context_from, network_from, rates_from
from licrt.runtime.tensors import read_safetensors


def through_files(described):
    """A description as it comes out of a bundle's files."""
    entry, arrays = described
    return json.loads(json.dumps(entry)), read_safetensors(save(arrays))


def assert_same(one, other):
    if is_dataclass(one):
        assert type(one) is type(other)
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, tuple) and one and is_dataclass(one[0]):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same(*pair)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    else:
        assert type(one) is type(other)
        assert one == other


def subpixel_network():
    wide = replace(layer_of(np.ones((12, 2, 3, 3), np.int8), padding=1), kind="subpixel", upscale=2)
    return network_of(wide, layer_of(np.ones((4, 3, 1, 1), np.int16), accumulator=64))


def features(wide):
    """A network without index head."""
    network = fixed_network(wide)
    return replace(network, index_channels=0, thresholds=network.thresholds[:, :0, :0])


def variable_rate(wide):
    network = fixed_network(wide)
    rows = np.random.default_rng(1).integers(-999, 999, (7, 3, 63)).astype(network.thresholds.dtype)
    return replace(network, thresholds=np.sort(rows, axis=2)[:, [0, 2, 1, 0, 2]])


@pytest.mark.parametrize(
    "network",
    [
        fixed_network(wide=False),
        fixed_network(wide=True),
        features(wide=False),
        features(wide=True),
        variable_rate(wide=False),
        variable_rate(wide=True),
        subpixel_network(),
    ],
)
def test_networks_come_back(network) -> None:
    entry, tensors = through_files(describe_network(network, "some.network"))
    assert all(name.startswith("some.network.") for name in tensors)
    assert_same(network_from(entry, tensors, "some.network"), network)


def test_one_rate_is_stored_as_it_always_was() -> None:
    """Ids are hashes of these; those of models that are out there must not change."""
    entry, tensors = describe_network(fixed_network(wide=False), "n")
    assert tensors["n.thresholds"].shape == (5, 63)
    names = ["kind", "stride", "padding", "output_padding", "activation", "output_bits", "accumulator_bits"]
    assert all(list(layer) == names for layer in entry["layers"])
    assert list(entry) == ["input_bits", "input_shift", "index_channels", "layers"]
    parts = [f"n.{number}.{name}" for number in range(3) for name in ("weight", "bias", "shift")]
    assert set(tensors) == {"n.input_offset", "n.thresholds", *parts}


def test_equal_rows_of_thresholds_are_stored_once() -> None:
    _, tensors = describe_network(variable_rate(wide=False), "n")
    assert tensors["n.thresholds"].shape == (7, 3, 63)
    assert tensors["n.threshold_rows"].shape == (5,)


@pytest.mark.parametrize("rate_points", [0, 1, 4])
@pytest.mark.parametrize("bias_sets", [False, True])
def test_context_models_come_back(rate_points, bias_sets) -> None:
    orders = ["whole", "checkerboard", "wavefront", "checkerboard"]
    model = context_of(np.random.default_rng(2), orders, rate_points=rate_points, bias_sets=bias_sets)
    assert any(group.channel_network for group in model.groups)
    rates = None
    if model.rates:
        rates = rates_from(*through_files(describe_rates(model.rates)), model.table_count)
    entry, tensors = through_files(describe_context(model))
    assert_same(context_from(entry, tensors, 24, model.mean_fraction, rates), model)
