"""Descriptions from strangers: ModelError, whatever they say."""

from __future__ import annotations

import copy
import tracemalloc

import numpy as np
import pytest
from references.networks import context_of, fixed_network

from licrt.export.describe import describe_context, describe_network, describe_rates
from licrt.runtime.description import context_from, network_from, rates_from
from licrt.runtime.errors import ModelError


def described():
    """A context model with everything: entry, tensors and rates."""
    orders = ("whole", "checkerboard", "wavefront")
    model = context_of(np.random.default_rng(3), orders, rate_points=3, bias_sets=True)
    entry, tensors = describe_context(model)
    numbers, arrays = describe_rates(model.rates)
    return copy.deepcopy(entry), {**tensors, **arrays}, numbers


def read(entry, tensors, numbers):
    return context_from(entry, tensors, 18, 4, rates_from(numbers, tensors, 64))


def test_an_honest_description() -> None:
    assert read(*described()).latent_channels == 18


def tensor(name, change):
    def forge(entry, tensors, numbers):
        tensors[name] = np.ascontiguousarray(change(tensors[name]))

    return forge


def entry(path, value):
    """Put a value into the manifest; a path like groups.0.order."""

    def forge(entry, tensors, numbers):
        *parents, last = path.split(".")
        for key in parents:
            entry = entry[int(key) if isinstance(entry, list) else key]
        entry[int(last) if isinstance(entry, list) else last] = value

    return forge


def missing(path):
    def forge(entry, tensors, numbers):
        *parents, last = path.split(".")
        for key in parents:
            entry = entry[int(key) if isinstance(entry, list) else key]
        del entry[last]

    return forge


FORGERIES = {
    "damaged near 'bits'": missing("bits"),
    "bits is '10'": entry("bits", "10"),
    "groups is no list": entry("groups", {"0": 1}),
    "do not share the channels": entry("groups", []),
    "feature_channels is True": entry("feature_channels", True),
    "context.0: channels is 6.0": entry("groups.0.channels", 6.0),
    "context.0: channels is -6": entry("groups.0.channels", -6),
    "context.1: channels is 19": entry("groups.1.channels", 19),
    "damaged near 'order'": missing("groups.1.order"),
    "order is \\[\\]": entry("groups.1.order", []),
    "context.1: source is 1,": entry("groups.1.sources", [1]),
    "context.1: source is '0'": entry("groups.1.sources", ["0"]),
    "sources is no list": entry("groups.1.sources", 0),
    "channels of its sources is 0": entry("groups.1.sources", []),
    "channels of its sources is 6000": entry("groups.2.sources", [0] * 1000),
    "do not ascend": entry("groups.2.sources", [1, 0]),
    "context.1.channel: layers is no list": entry("groups.1.channel_network", {"layers": []}),
    "context.2.parameters: layers is no list": entry("groups.2.parameters", None),
    "unexpected keyword argument 'colour'": entry("groups.2.parameters.0.colour", "red"),
    "unexpected keyword argument '\\?\\[2J": entry("groups.2.parameters.0.\x1b[2J", 1),
    "order is '.ud800'": entry("groups.1.order", "\ud800"),
    "accumulator_bits is '.n'": entry("groups.2.spatial.accumulator_bits", "\n"),
    "multiple values for keyword argument 'weight'": entry("groups.2.spatial.weight", 1),
    "must be a mapping": entry("groups.2.spatial", [1]),
    "upscale is 2": entry("groups.2.spatial.upscale", 2),
    "stride is 1.0": entry("groups.2.spatial.stride", 1.0),
    "no tensor 'context.latent_shift'": lambda e, t, n: t.pop("context.latent_shift"),
    "no tensor 'context.2.spatial.bias'": lambda e, t, n: t.pop("context.2.spatial.bias"),
    "no tensor 'context.2.thresholds'": lambda e, t, n: t.pop("context.2.thresholds"),
    "no tensor 'context.2.threshold_rows'": lambda e, t, n: t.pop("context.2.threshold_rows"),
    "threshold_rows has shape \\(1, 6\\)": tensor("context.2.threshold_rows", lambda a: a[None]),
    "threshold_rows has shape \\(5,\\)": tensor("context.2.threshold_rows", lambda a: a[:5]),
    "'context.2.threshold_rows' is int64": tensor("context.2.threshold_rows", lambda a: a.astype(np.int64)),
    "names rows that are not there": tensor("context.2.threshold_rows", lambda a: a - 1),
    "context.2.threshold_rows names rows": tensor("context.2.threshold_rows", lambda a: a + 1),
    "thresholds has 4 axes": tensor("context.2.thresholds", lambda a: a[None]),
    "thresholds has 1 axes": tensor("context.2.thresholds", lambda a: a.ravel()),
    "group 2: thresholds has shape \\(1, 6, 63\\)": tensor("context.2.thresholds", lambda a: a[0]),
    "rate points is 0": tensor("context.2.thresholds", lambda a: a[:0]),
    "thresholds per channel is 0": tensor("context.2.thresholds", lambda a: a[:, :, :0]),
    "names rows": tensor("context.2.thresholds", lambda a: a[:, :0]),
    "18 channels, expected 17": tensor("context.latent_shift", lambda a: a[:-1]),
    "latent_shift has shape": tensor("context.latent_shift", lambda a: a[None]),
    "spatial_bias has shape": tensor("context.2.spatial.bias_sets", lambda a: a[0]),
    "rate_points is None": lambda e, t, n: n.update(rate_points=None),
    "multiplier has shape \\(3,\\), expected \\(2,\\)": lambda e, t, n: n.update(rate_points=2),
    "damaged near 'rate_points'": lambda e, t, n: n.clear(),
    "no tensor 'rates.offset'": lambda e, t, n: t.pop("rates.offset"),
    "'rates.offset' is int32": tensor("rates.offset", lambda a: a.astype(np.int32)),
    "offset has shape": tensor("rates.offset", lambda a: a.ravel()),
}


@pytest.mark.parametrize("message", FORGERIES)
def test_forgeries_are_refused(message) -> None:
    contents = described()
    FORGERIES[message](*contents)
    with pytest.raises(ModelError, match=message) as caught:
        read(*contents)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", [None, True, -1, 10**30, 1.5, "x", [], [[]], {}, {"layers": 1}])
def test_any_entry_may_be_of_any_kind(kind) -> None:
    """Every number, list and object of the entry, one after the other."""

    def paths(value, prefix=""):
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in pairs:
            yield f"{prefix}{key}"
            yield from paths(inner, f"{prefix}{key}.")

    original = described()
    for path in paths(original[0]):
        forged = copy.deepcopy(original[0])
        entry(path, kind)(forged, None, None)
        try:
            read(forged, *original[1:])
        except ModelError:
            continue
        assert forged == original[0] or path.endswith("output_padding"), path


def test_thresholds_do_not_grow_beyond_their_limit() -> None:
    """A few kilobytes that would become 256 rate points of 4096 channels: 267 million numbers."""
    description, tensors = describe_network(fixed_network(wide=False), "n")
    tensors["n.thresholds"] = np.zeros((256, 1, 255), np.int32)
    tensors["n.threshold_rows"] = np.zeros(4096, np.int32)
    tracemalloc.start()
    with pytest.raises(ModelError, match=r"256 x 4096 x 255 thresholds are more than 2\^24"):
        network_from({**description, "index_channels": 4096}, tensors, "n")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
