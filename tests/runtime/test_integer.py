"""Integer networks: the native engine against numpy, on every instruction set that this machine has."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from references.networks import ACTIVATIONS, fixed_network, instruction_sets, layer_of, network_of, smallest
from references.random_networks import networks
from references.tables import Sequence

from licrt.export import integer_reference as reference
from licrt.runtime import _native
from licrt.runtime.errors import BackendError, ModelError
from licrt.runtime.integer import Layer, Network, prove, to_blob

CPUS = instruction_sets()


def assert_equals_reference(network, symbols, crop, threads=(1, 2), point=0):
    expected = reference.run(network, symbols, *crop, point)
    blob = to_blob(network)
    for cpu in CPUS:
        native = _native.Network(blob, cpu)
        for count in threads:
            indexes, means = native.run(symbols, *crop, count, point)
            assert np.array_equal(indexes, expected[0]), (cpu, count)
            assert np.array_equal(means, expected[1]), (cpu, count)
    return expected


@settings(max_examples=120, deadline=None)
@given(networks(), st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**32), st.sampled_from([1, 20, 2**31]))
def test_native_equals_reference(network, height, width, seed, magnitude):
    random = np.random.default_rng(seed)
    native = _native.Network(to_blob(network))
    symbols = random.integers(-magnitude, magnitude, (native.input_channels, height, width)).astype(np.int32)
    sides = [(height, width)]
    for layer in network.layers:
        sides.append(tuple(reference.output_side(layer, sides[-1][i], layer.weight.shape[2 + i]) for i in range(2)))
        if min(sides[-1]) <= 0:
            break
    areas = [rows * columns for rows, columns in sides]
    swells = max(areas[1:]) > max(4096, 16 * areas[0], 16 * areas[-1])
    try:
        size = native.output_size(height, width)
    except ValueError:
        assert min(sides[-1]) <= 0 or swells, sides
        return
    assert min(sides[-1]) > 0
    assert not swells
    assert size == reference.output_size(network, height, width)
    crop = int(random.integers(1, size[0] + 1)), int(random.integers(1, size[1] + 1))
    assert_equals_reference(network, symbols, crop, (1, 3), int(random.integers(network.rate_points)))


@pytest.mark.parametrize("threads", [1, 2, 3, 8, 300])
def test_hyper_synthesis_with_any_number_of_threads(threads):
    """The shape that matters: 5x5 transposed by 2, twice, then 3x3, with more positions than one task takes."""
    random = np.random.default_rng(5)

    def layer(kind, shape, stride, activation):
        weight = random.integers(-127, 128, shape).astype(np.int8)
        bias, shift = random.integers(-999, 999, shape[0]).astype(np.int32), np.full(shape[0], 11, np.uint8)
        return Layer(kind, weight, bias, shift, stride, shape[2] // 2, stride - 1, activation, 10)

    layers = (
        layer("conv_transpose", (20, 12, 5, 5), 2, "leaky_relu"),
        layer("conv_transpose", (36, 20, 5, 5), 2, "leaky_relu"),
        layer("conv", (50, 36, 3, 3), 1, "none"),
    )
    thresholds = np.sort(random.integers(-40000, 40000, (1, 25, 63)), axis=2).astype(np.int32)
    network = Network(10, 3, random.integers(-20, 20, 12).astype(np.int32), layers, 25, thresholds)
    symbols = random.integers(-30, 30, (12, 7, 9)).astype(np.int32)
    indexes, means = assert_equals_reference(network, symbols, (27, 35), threads=(threads,))
    assert len(np.unique(indexes)) > 20
    assert len(np.unique(means)) > 20


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_sums_at_the_edge_of_32_bits(dtype, sign):
    """The largest sums that the proof admits, from inputs that saturate."""
    limit = np.iinfo(dtype).max
    taps = (2**31 - 1) // (limit * 2**15)
    weight = np.full((18, taps, 1, 1), sign * limit, dtype)
    left = 2**31 - 1 - taps * limit * 2**15 - 2**7
    for bias in (left, -left):
        layer = layer_of(weight, bias=bias, shift=8, bits=24)
        edges = [-(2**31), -(2**31) + 1, -left, 0, left, 2**31 - 2, 2**31 - 1]
        thresholds = np.tile(np.array(edges, np.int32), (1, 9, 1))
        network = network_of(layer, input_bits=16, index_channels=9, thresholds=thresholds)
        for symbol in (2**31 - 1, -(2**31)):
            assert_equals_reference(network, np.full((taps, 2, 7), symbol, np.int32), (2, 7))
        with pytest.raises(ModelError, match="channel 0 can overflow"):
            prove(network_of(layer_of(weight, bias=bias + np.sign(bias), shift=8), input_bits=16))


@pytest.mark.parametrize("weight", [127, 32767, 256 * 100 - 128, -32767])
@pytest.mark.parametrize("taps", [3, 20, 700])
def test_sums_of_64_bits(weight, taps):
    """Sums that fit 32 bits, that fit 32 bits in two planes, and that need 64, depending on weight and taps."""
    dtype = np.int8 if abs(weight) < 128 else np.int16
    layer = layer_of(np.full((17, taps, 1, 1), weight, dtype), bias=2**31 - 1, shift=20, bits=24, accumulator=64)
    edges = np.sort([-(2**63), -(2**40), weight * taps * 32767 + 2**31 - 1, weight * taps * 32767 + 2**31, 2**63 - 1])
    network = network_of(layer, input_bits=16, index_channels=8, thresholds=np.tile(edges, (1, 8, 1)))
    for symbol in (2**31 - 1, -(2**31), 77):
        assert_equals_reference(network, np.full((taps, 1, 5), symbol, np.int32), (1, 5))


def test_a_stride_wider_than_the_kernel():
    """Some outputs of such a transposed convolution, and some inputs of such a convolution, meet no tap."""
    random = np.random.default_rng(3)
    for kind in ("conv", "conv_transpose"):
        weight = random.integers(-127, 128, (5, 3, 2, 3)).astype(np.int8)
        layer = replace(layer_of(weight, kind=kind, bias=-77, stride=4, bits=16), output_padding=3 * (kind != "conv"))
        network = network_of(layer, index_channels=2, thresholds=np.int32([[[-100, 0], [-77, 99]]]))
        symbols = random.integers(-99, 99, (3, 6, 5)).astype(np.int32)
        assert_equals_reference(network, symbols, reference.output_size(network, 6, 5))


GOLDEN = {
    False: "3aed858308fa93b5554619322ae51ac2d9555032284d162a15fa9a6e8adf81bd",
    True: "d3466c6a43984812c818dcf943cb12e1e0a9edd8c32769b9ccc876cf5108e281",
}


@pytest.mark.parametrize("wide", GOLDEN)
@pytest.mark.parametrize("cpu", CPUS)
def test_golden_numbers(cpu, wide):
    """These numbers never change: pictures are parsed with them."""
    network, numbers = fixed_network(wide), Sequence(9)
    symbols = np.array([numbers.below(81) - 40 for _ in range(6 * 5 * 7)], np.int32).reshape(6, 5, 7)
    indexes, means = _native.Network(to_blob(network), cpu).run(symbols, 9, 13, 1)
    assert len(np.unique(indexes)) > 10
    digest = hashlib.sha256(indexes.astype("<i4").tobytes() + means.astype("<i4").tobytes()).hexdigest()
    assert digest == GOLDEN[wide]


def test_many_threads_share_a_network():
    native = _native.Network(to_blob(fixed_network(wide=False)))
    symbols = np.random.default_rng(1).integers(-40, 40, (6, 9, 9)).astype(np.int32)
    expected = native.run(symbols, 18, 18, 1)

    def work(number):
        return all(
            np.array_equal(*pair) for pair in zip(native.run(symbols, 18, 18, 1 + number % 3), expected, strict=True)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))


def test_description_and_heads():
    network = fixed_network(wide=False)
    native = _native.Network(to_blob(network))
    assert (native.input_channels, native.index_channels, native.mean_channels, native.threshold_count) == (6, 5, 5, 63)
    assert native.rate_points == 1
    assert network.mean_channels == 5
    last = network.layers[-1]
    no_means = replace(network, index_channels=10, thresholds=np.zeros((1, 10, 2), np.int32))
    no_indexes = replace(network, index_channels=0, thresholds=np.zeros((1, 0, 0), np.int32))
    symbols = np.ones((6, 2, 2), np.int32)
    assert _native.Network(to_blob(no_means)).run(symbols, 4, 4, 1)[1].shape == (0, 4, 4)
    assert _native.Network(to_blob(no_indexes)).run(symbols, 3, 4, 1)[0].shape == (0, 3, 4)
    assert_equals_reference(no_means, symbols, (3, 4))
    assert_equals_reference(no_indexes, symbols, (4, 3))
    assert last.activation == "none"


def test_the_last_layer_is_not_activated():
    plain = smallest()
    for activation in ACTIVATIONS:
        layers = (replace(plain.layers[0], activation=activation),)
        network = replace(plain, layers=layers, index_channels=0, thresholds=np.zeros((1, 0, 0), np.int32))
        assert _native.Network(to_blob(network)).run(np.int32([[[-80]]]), 1, 1, 1)[1] == -5


def test_choice_of_instruction_set(monkeypatch):
    blob = to_blob(smallest())
    for cpu in CPUS:
        monkeypatch.setenv("LICRT_CPU", cpu)
        assert _native.Network(blob).cpu == cpu
        assert _native.Network(blob, "scalar").cpu == "scalar"
    monkeypatch.setenv("LICRT_CPU", "")
    assert _native.Network(blob).cpu == CPUS[-1]
    monkeypatch.delenv("LICRT_CPU")
    assert _native.Network(blob).cpu == CPUS[-1]
    monkeypatch.setenv("LICRT_CPU", "mmx")
    with pytest.raises(BackendError, match=r"'mmx' is not available here. Set LICRT_CPU .* to one of scalar"):
        _native.Network(blob)
    with pytest.raises(BackendError, match="'AVX2'"):
        _native.Network(blob, "AVX2")


def test_arguments_that_make_no_sense():
    native = _native.Network(to_blob(fixed_network(wide=False)))
    symbols = np.zeros((6, 2, 2), np.int32)
    with pytest.raises(ValueError, match="number of channels"):
        native.run(symbols[:5].copy(), 4, 4, 1)
    with pytest.raises(ValueError, match="crop exceeds"):
        native.run(symbols, 5, 4, 1)
    with pytest.raises(ValueError, match="no such rate point"):
        native.run(symbols, 4, 4, 1, 1)
    for crop_height, threads in ((0, 1), (4, 0)):
        with pytest.raises(ValueError, match="argument"):
            native.run(symbols, crop_height, 4, threads)
    with pytest.raises(TypeError):
        native.run(symbols.astype(np.int64), 4, 4, 1)
    for size in ((0, 2), (2, 0), (2**20 + 1, 2), (2**62, 2**62)):
        with pytest.raises(ValueError, match="argument"):
            native.output_size(*size)
    point = np.ones((1, 1, 1, 1), np.int8), np.zeros(1, np.int32), np.ones(1, np.uint8)
    up, down = (Layer(kind, *point, 8, 0, 0, "none", 8) for kind in ("conv_transpose", "conv"))
    swelling = _native.Network(to_blob(network_of(up, up, down, down)))
    assert swelling.output_size(2, 1) == (2, 1)
    with pytest.raises(ValueError, match="argument"):
        swelling.output_size(2, 2)  # 65 x 65 in between
    too_small = _native.Network(to_blob(network_of(layer_of(np.ones((1, 1, 3, 3), np.int8)))))
    with pytest.raises(ValueError, match="argument"):
        too_small.output_size(2, 9)
    assert too_small.output_size(3, 9) == (1, 7)
