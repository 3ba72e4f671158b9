"""Context models: what their proof refuses, and the bytes of their blob."""

from __future__ import annotations

import struct
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from references.networks import context_of, layer_of

from licrt.runtime.context import MAX_GROUPS, prove, to_blob
from licrt.runtime.errors import ModelError
from licrt.runtime.integer import to_blob as network_to_blob


def model_of_all(seed=1):
    """Every optional part is there: three orders, conditional groups, bias sets and rates."""
    orders = ("whole", "checkerboard", "wavefront")
    return context_of(np.random.default_rng(seed), orders, rate_points=3, bias_sets=True)


def group(number, **fields):
    """Change a group; a callable gets the old value."""

    def change(model):
        groups = list(model.groups)
        old = groups[number]
        values = {name: field(getattr(old, name)) if callable(field) else field for name, field in fields.items()}
        groups[number] = replace(old, **values)
        return replace(model, groups=tuple(groups))

    return change


def rates(**fields):
    return lambda model: replace(model, rates=replace(model.rates, **fields))


def spatial(**fields):
    return group(2, spatial=lambda layer: replace(layer, **fields))


def channel_network(**fields):
    return group(2, channel_network=lambda network: replace(network, **fields))


def channel_layer(**fields):
    return group(2, channel_network=lambda n: replace(n, layers=(n.layers[0], replace(n.layers[1], **fields))))


def parameter(place, **fields):
    return group(2, parameters=lambda p: tuple(replace(x, **fields) if n == place % 2 else x for n, x in enumerate(p)))


def tap(order, row, column):
    def change(layer):
        weight = layer.weight.copy()
        weight[3, 2, row, column] = 1
        return replace(layer, weight=weight)

    return group(1 + order, spatial=change)


def first_outputs(layer, count):
    return replace(layer, weight=layer.weight[:count], bias=layer.bias[:count], shift=layer.shift[:count])


ONE = np.ones((18, 6, 1, 1), np.int8)
BROKEN = {
    "1 to 64 groups": [lambda m: replace(m, groups=()), lambda m: replace(m, groups=m.groups * 22)],
    "feature_channels is 0": [lambda m: replace(m, feature_channels=0)],
    "feature_channels is 5.0": [lambda m: replace(m, feature_channels=5.0)],
    "bits is 17": [lambda m: replace(m, bits=17)],
    "bits is 1,": [lambda m: replace(m, bits=1)],
    "mean_fraction is 9": [lambda m: replace(m, mean_fraction=9)],
    "mean_fraction is -1": [lambda m: replace(m, mean_fraction=-1)],
    "latent_channels is 0": [lambda m: replace(m, latent_shift=np.zeros(0, np.uint8))],
    "latent_channels is 4097": [lambda m: replace(m, latent_shift=np.zeros(4097, np.uint8))],
    "latent_shift has shape": [lambda m: replace(m, latent_shift=m.latent_shift[None])],
    "latent_shift is int32": [lambda m: replace(m, latent_shift=m.latent_shift.astype(np.int32))],
    "latent_shift is 16": [lambda m: replace(m, latent_shift=np.full(18, 16, np.uint8))],
    "the groups have 18 channels, expected 19": [lambda m: replace(m, latent_shift=np.zeros(19, np.uint8))],
    "multiplier is 0": [rates(multiplier=np.int64([1, 0, 1]))],
    "multiplier is 1073741825": [rates(multiplier=np.int64([1, 2**30 + 1, 1]))],
    "multiplier has shape": [rates(multiplier=np.ones(2, np.int64))],
    "multiplier is uint32": [rates(multiplier=np.ones(3, np.uint32))],
    "shift of rates is 0": [rates(shift=np.uint8([1, 0, 1]))],
    "shift of rates is 31": [rates(shift=np.uint8([1, 31, 1]))],
    "shift of rates has shape": [rates(shift=np.ones(1, np.uint8))],
    "offset is 1099511627776": [rates(offset=np.full((3, 64), 2**40))],
    "offset is -1099511627776": [rates(offset=np.full((3, 64), -(2**40)))],
    "offset has shape": [rates(offset=np.zeros((3, 63), np.int64)), rates(offset=np.zeros(64, np.int64))],
    "group 1: channels is 0": [group(1, channels=0)],
    "group 1: order is 'spiral'": [group(1, order="spiral")],
    "group 2: source is 2": [group(2, sources=(2,))],
    "group 2: source is -1": [group(2, sources=(-1,))],
    "group 2: source is True": [group(2, sources=(True,))],
    "group 2: its sources do not ascend": [group(2, sources=(1, 0)), group(2, sources=(0, 0))],
    "group 2: it has sources, but no network": [group(2, channel_network=None)],
    "group 2: its channel network has no sources": [group(2, sources=())],
    "group 2: input_bits is 11": [channel_network(input_bits=11)],
    "group 2: input_shift is 1": [channel_network(input_shift=1)],
    "group 2: its channel network has input offsets": [
        group(2, channel_network=lambda n: replace(n, input_offset=n.input_offset + np.int32(1)))
    ],
    "group 2: input_offset has shape": [group(2, sources=lambda s: (0, 1) if len(s) == 1 else (1,))],
    "group 2: index_channels is 1": [channel_network(index_channels=1, thresholds=np.zeros((1, 1, 1), np.int32))],
    "group 2: rate points of its channel network is 3": [channel_network(thresholds=np.zeros((3, 0, 0), np.int32))],
    "group 2: channel layer 1: kind is": [channel_layer(kind="conv_transpose")],
    "group 2: channel layer 1: accumulator_bits is 64": [
        lambda m: channel_network(thresholds=np.zeros((1, 0, 0), np.int64))(channel_layer(accumulator_bits=64)(m))
    ],
    "group 2: channel layer 1: stride is 2": [channel_layer(stride=2)],
    "group 2: channel layer 1: 1x3 with padding 0": [channel_layer(weight=np.ones((4, 7, 1, 3), np.int8))],
    "group 2: channel layer 1: 2x2 with padding 1": [channel_layer(weight=np.ones((4, 7, 2, 2), np.int8), padding=1)],
    "group 2: channel layer 1: 3x3 with padding 0": [channel_layer(weight=np.ones((4, 7, 3, 3), np.int8))],
    "group 2: channel features' output_bits is 11": [channel_layer(output_bits=11)],
    "layer 1: channel 3 can overflow": [channel_layer(bias=np.int32([0, 0, 0, 2**31 - 1]))],
    "group 0: order 'whole' has no spatial layer": [group(0, spatial=layer_of(ONE))],
    "group 0: it has spatial biases": [group(0, spatial_bias=np.zeros((3, 9), np.int32))],
    "group 2: order 'wavefront' needs a spatial layer": [group(2, spatial=None)],
    "group 2: spatial layer 0: kind is 'pool'": [spatial(kind="pool")],
    "group 2: spatial layer: kind is 'conv_transpose'": [spatial(kind="conv_transpose")],
    "group 2: spatial layer: stride is 2": [spatial(stride=2)],
    "group 2: spatial layer: activation is 'relu'": [spatial(activation="relu")],
    "group 2: spatial layer 0: output_bits is 11": [spatial(output_bits=11)],
    "group 2: spatial layer: the kernel is not 3x3 or 5x5": [
        spatial(weight=np.zeros((9, 6, 1, 1), np.int8), padding=0),
        spatial(weight=np.zeros((9, 6, 7, 7), np.int8), padding=3),
    ],
    "group 2: spatial layer: 5x5 with padding 1": [spatial(padding=1)],
    "group 2: spatial layer 0: weight has shape": [spatial(weight=np.zeros((9, 7, 5, 5), np.int8))],
    "group 2: spatial layer: a tap sees latents": [tap(1, 2, 2), tap(1, 2, 4), tap(1, 3, 0), tap(1, 4, 4)],
    "group 1: spatial layer: a tap sees latents": [tap(0, 2, 2), tap(0, 0, 0), tap(0, 1, 3), tap(0, 4, 2)],
    "group 2: spatial_bias has shape": [group(2, spatial_bias=np.zeros((2, 9), np.int32))],
    "group 2: spatial_bias is int64": [group(2, spatial_bias=np.zeros((3, 9), np.int64))],
    "group 2: spatial layer at rate point 1: channel 8 can overflow": [
        group(2, spatial_bias=lambda b: np.where(np.arange(27).reshape(3, 9) == 17, np.int32(2**31 - 1), b))
    ],
    "group 2: there are 1 to 64 parameter layers": [
        group(2, parameters=()),
        group(2, parameters=lambda p: p[:1] * 65),
    ],
    "group 2: parameter layer 0: weight has shape": [group(2, parameters=lambda p: p[1:])],
    "group 2: parameter layer 0: stride is 2": [parameter(0, stride=2)],
    "group 2: parameter layer 1: kind is": [parameter(1, kind="conv_transpose")],
    "group 2: parameter layer 1 has a kernel that is not 1x1": [
        parameter(1, weight=np.ones((12, 11, 3, 3), np.int8), padding=1)
    ],
    "group 2: parameter layer 1: accumulator_bits is 64": [parameter(1, accumulator_bits=64)],
    "group 2: parameter layer 0: output_bits is 11": [parameter(0, output_bits=11)],
    "group 2: parameter layer 1: output_bits is 25": [parameter(1, output_bits=25)],
    "group 2: parameter layer 1: channel 11 can overflow": [parameter(1, bias=np.int32([0] * 11 + [2**31 - 1]))],
    "group 2: 11 parameters for 6 latents": [group(2, parameters=lambda p: (p[0], first_outputs(p[1], 11)))],
    "group 2: thresholds has shape": [
        group(2, thresholds=lambda t: t[:2]),
        group(2, thresholds=lambda t: t[:, :, 1:]),
        group(2, thresholds=lambda t: t[:, 1:]),
    ],
    "group 0: thresholds have 2 axes": [group(0, thresholds=lambda t: t[0])],
    "group 0: thresholds is int64": [group(0, thresholds=lambda t: t.astype(np.int64))],
    "group 0: thresholds of channel 4 decrease": [
        group(0, thresholds=lambda t: t * np.int32([1, 1, 1, 1, -1, 1])[:, None])
    ],
    "rate points of group 0: thresholds is 257": [group(0, thresholds=lambda t: np.repeat(t, 100, axis=0)[:257])],
    "group 0: thresholds per channel is 256": [group(0, thresholds=lambda t: np.repeat(t, 5, axis=2)[:, :, :256])],
}


@pytest.mark.parametrize("message", BROKEN)
def test_models_that_break_a_rule(message):
    for change in BROKEN[message]:
        with pytest.raises(ModelError, match=message):
            to_blob(change(model_of_all()))


def test_all_that_parameters_read_are_4096_channels():
    model = context_of(np.random.default_rng(1), ("wavefront",), hidden=())
    for features, message in ((4088, "group 0: features is 4097"), (4087, "weight has shape .*, expected .*4096")):
        with pytest.raises(ModelError, match=message):
            prove(replace(model, feature_channels=features))


def test_what_each_order_may_see():
    """Every other tap is allowed, as far as the proof goes."""
    for number in (1, 2):
        model = model_of_all()
        layer = model.groups[number].spatial
        seen = np.zeros((5, 5), bool)
        for row, column in np.ndindex(5, 5):
            weight = np.zeros_like(layer.weight)
            weight[0, 0, row, column] = 1
            try:
                prove(group(number, spatial=replace(layer, weight=weight))(model))
                seen[row, column] = True
            except ModelError:
                pass
        row, column = np.mgrid[-2:3, -2:3]
        before = (row < 0) | (row == 0) & (column < 0)
        assert np.array_equal(seen, (row + column) % 2 == 1 if number == 1 else before)


@st.composite
def context_models(draw):
    """Models of every order, width and number of groups."""
    orders = draw(st.lists(st.sampled_from(["whole", "checkerboard", "wavefront"]), min_size=1, max_size=4))
    return context_of(
        np.random.default_rng(draw(st.integers(0, 2**32))),
        orders,
        channels=draw(st.sampled_from([1, 3, 8])),
        feature_channels=draw(st.sampled_from([1, 5, 17])),
        bits=draw(st.integers(6, 16)),
        mean_fraction=draw(st.integers(0, 8)),
        tables=draw(st.sampled_from([2, 64, 256])),
        kernel=draw(st.sampled_from([3, 5])),
        means=draw(st.booleans()),
        conditional=draw(st.booleans()),
        rate_points=draw(st.sampled_from([0, 0, 1, 3])),
        bias_sets=draw(st.booleans()),
        dtype=draw(st.sampled_from([np.int8, np.int16])),
        hidden=draw(st.sampled_from([(), (7,), (13, 16)])),
    )


@settings(max_examples=40, deadline=None)
@given(context_models())
def test_the_blob_is_what_the_specification_says(model):
    """Read back by a reader that knows nothing but the tables of docs/integer-net.md."""
    blob = Blob(to_blob(model))
    assert blob.take(4) == b"LCTX"
    assert blob.words(5) == (1, model.latent_channels, model.feature_channels, model.bits, model.mean_fraction)
    points, count = model.rate_points, model.table_count - 1
    assert blob.words(4) == (model.table_count, points, int(model.rates is not None), len(model.groups))
    assert np.array_equal(blob.array("u1", model.latent_channels), model.latent_shift)
    if model.rates is not None:
        assert np.array_equal(blob.array("u4", points), model.rates.multiplier)
        assert np.array_equal(blob.array("u1", points), model.rates.shift)
        assert np.array_equal(blob.array("i8", points * (count + 1)), model.rates.offset.ravel())
    for one in model.groups:
        assert blob.words(3) == (
            one.channels, ("whole", "checkerboard", "wavefront").index(one.order), len(one.sources)
        )  # fmt: skip
        assert blob.words(len(one.sources)) == one.sources
        network = blob.take(*blob.words(1))
        assert network == (network_to_blob(one.channel_network) if one.channel_network else b"")
        assert blob.words(1) == (int(one.order != "whole"),)
        if one.spatial is not None:
            blob.expect_layer(one.spatial)
            sets = 0 if one.spatial_bias is None else points
            assert blob.words(1) == (sets,)
            biases = blob.array("i4", sets * len(one.spatial.bias))
            assert one.spatial_bias is None or np.array_equal(biases, one.spatial_bias.ravel())
        assert blob.words(1) == (len(one.parameters),)
        for layer in one.parameters:
            blob.expect_layer(layer)
        means = len(one.parameters[-1].bias) - one.channels
        assert blob.words(4) == (one.channels, means, count, points)
        assert np.array_equal(blob.array("i4", points * one.channels * count), one.thresholds.ravel())
    assert blob.data == b""


class Blob:
    """The bytes of a blob that are still to be read."""

    def __init__(self, data):
        self.data = data

    def take(self, count):
        head, self.data = self.data[:count], self.data[count:]
        assert len(head) == count
        return head

    def words(self, count):
        return struct.unpack(f"<{count}I", self.take(4 * count))

    def array(self, dtype, count):
        values = np.frombuffer(self.take(count * np.dtype(dtype).itemsize), "<" + dtype)
        assert not any(self.take(-values.nbytes % 4))
        return values

    def expect_layer(self, layer):
        out, channels, height, width = layer.weight.shape
        size = layer.weight.itemsize
        assert self.words(9) == (0, channels, out, height, width, 1, height // 2, 0, 1)
        assert self.words(4) == (
            8 * size,
            32,
            ("none", "relu", "leaky_relu").index(layer.activation),
            layer.output_bits,
        )
        assert np.array_equal(self.array(f"i{size}", layer.weight.size), layer.weight.ravel())
        assert np.array_equal(self.array("i4", out), layer.bias)
        assert np.array_equal(self.array("u1", out), layer.shift)


def test_more_groups_than_there_may_be():
    model = context_of(np.random.default_rng(1), ["whole"] * MAX_GROUPS, channels=1, conditional=False)
    prove(model)
    more = replace(model, groups=(*model.groups, model.groups[0]), latent_shift=np.zeros(MAX_GROUPS + 1, np.uint8))
    with pytest.raises(ModelError, match="a context model has 1 to 64 groups"):
        prove(more)
