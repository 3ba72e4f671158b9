"""Float-carried integers against the native engine and the numpy reference."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product

import hypothesis.strategies as st
import numpy as np
import onnx
import pytest
import torch
from conftest import unavailable
from hypothesis import given, settings
from references.carried_bundles import CONFORMANCE, HYPERPRIORS, network_of_model
from references.graph_in_torch import OPERATORS, tensors_of
from references.networks import layer_of, network_of
from references.random_networks import networks
from references.tiny_photo import photo

from licrt.export import integer_reference as reference
from licrt.export.carried import carried_graph, carry
from licrt.runtime import _native
from licrt.runtime.backends.onnxruntime_cpu import OnnxRuntimeCpu
from licrt.runtime.bundle import load_bundle
from licrt.runtime.codec import Codec
from licrt.runtime.container import read_stream
from licrt.runtime.errors import ModelError
from licrt.runtime.graph import check_graph
from licrt.runtime.integer import to_blob
from licrt.runtime.latents import MAX_SYMBOL
from licrt.runtime.models import DEFAULT

LEVELS = ("disabled", "basic", "extended", "all")
ENGINES = list(product(LEVELS, (1, 2)))


@pytest.fixture(autouse=True)
def one_thread():
    """Threads of torch's that wait in loops take longer than small graphs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def feeds_of(network, symbols, point=0):
    feeds = {"symbols": symbols[None].astype(np.float32)}
    return feeds | ({"point": np.array([point])} if network.rate_points > 1 and network.index_channels else {})


def expected_of(network, symbols, point=0):
    """What the native engine gives, which the reference is to equal, as one array."""
    native = _native.Network(to_blob(network))
    size = native.output_size(*symbols.shape[1:])
    exact = reference.run(network, symbols, *size, point)
    found = native.run(symbols, *size, 1, point)
    assert all(np.array_equal(*pair) for pair in zip(found, exact, strict=True))
    return np.concatenate(found)


def worst(network, random, height, width):
    """Symbols that drive sums to their ends: every input saturates, with the signs of some first-layer weights."""
    signs = np.sign(network.layers[0].weight[0]).astype(np.int64).sum(axis=(1, 2))
    symbols = np.where(signs < 0, -MAX_SYMBOL, MAX_SYMBOL)[:, None, None] * np.ones((1, height, width), np.int64)
    flipped = random.random((1, height, width)) < 0.3
    return np.where(flipped, -symbols, symbols).astype(np.int32)


@cache
def hyper_latents(name):
    """Of every conformance stream of a model: rate point, 0 where a context model is what has them, and symbols."""
    bundle = load_bundle(CONFORMANCE / "models" / name)
    codec = Codec.load(bundle.directory, threads=1)
    found = []
    for path in sorted((CONFORMANCE / "streams" / name).glob("*.lci")):
        data = path.read_bytes()
        decoded = codec.decode_symbols(data)
        sides = [-(-side // bundle.hyper_stride) for side in decoded.y_hat.shape[1:]]
        point = read_stream(data).rate_point if network_of_model(name).index_channels else 0
        found.append((point, decoded.hyper.reshape(-1, *sides)))
    return found


def assert_carried(network, inputs, engines=ENGINES):
    """Compare the graph of a network on every engine; inputs are points and symbols."""
    data = carried_graph(network)
    check_graph(data, "the graph")
    expected = [expected_of(network, symbols, point) for point, symbols in inputs]
    for level, threads in engines:
        session = OnnxRuntimeCpu(threads, level).load(data, "carried")
        for (point, symbols), wanted in zip(inputs, expected, strict=True):
            found = session.run(*feeds_of(network, symbols, point).values())
            assert found.dtype == np.float32
            assert np.array_equal(found[0], wanted), (level, threads, point, symbols.shape)


@pytest.mark.parametrize("name", HYPERPRIORS)
def test_every_architecture(name):
    """On the hyper-latents of real streams and on inputs that saturate, with every optimisation and 1 and 2 threads."""
    network, random = network_of_model(name), np.random.default_rng(7)
    extreme = [(network.rate_points - 1, worst(network, random, *size)) for size in ((1, 1), (3, 5), (8, 2))]
    assert_carried(network, [*hyper_latents(name), *extreme])


def test_the_embedded_model():
    """Of the size that models are used at, on a picture of 512 x 384."""
    codec = Codec.load(DEFAULT, threads=2)
    decoded = codec.decode_symbols(codec.encode(photo(512, 384)))
    assert_carried(network_of_model(DEFAULT), [(0, decoded.hyper.reshape(-1, 8, 6))], [("disabled", 1), ("all", 2)])


def feasible(network, height, width):
    try:
        return _native.Network(to_blob(network)).output_size(height, width)
    except ValueError:
        return None


@settings(max_examples=150, deadline=None)
@given(networks(), st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32), st.sampled_from(ENGINES))
def test_random_networks(network, height, width, seed, engine):
    """Of every kind of layer, width, shift and threshold; none is refused."""
    random = np.random.default_rng(seed)
    if not feasible(network, height, width):
        return
    inputs = [(0, worst(network, random, height, width))]
    for magnitude in (1, 30, MAX_SYMBOL):
        shape = (network.input_offset.size, height, width)
        symbols = random.integers(-magnitude, magnitude + 1, shape).astype(np.int32)
        inputs.append((int(random.integers(network.rate_points)), symbols))
    assert_carried(network, inputs, [engine])


def to_tf32(tensor):
    """Keep 11 significant bits, rounding to the nearest, as tensor cores do with the operands of a product."""
    mantissa, exponent = torch.frexp(tensor)
    return torch.ldexp(torch.round(mantissa * 2**11), exponent - 11)


def to_half(tensor):
    return tensor.half().to(tensor.dtype)


@pytest.mark.parametrize("name", HYPERPRIORS)
def test_no_tensor_is_rounded(name):
    """Every tensor is the same in 24 and in 53 bits, also where products see 11 bits of their operands only."""
    network, random = network_of_model(name), np.random.default_rng(3)
    model = carry(network)
    for symbols in (worst(network, random, 3, 4), random.integers(-40, 40, (network.input_offset.size, 5, 2))):
        feeds = feeds_of(network, symbols)
        exact = tensors_of(model, feeds, dtype=torch.float64)
        for operand in (to_tf32, to_half, lambda tensor: tensor):
            found = tensors_of(model, feeds, operand=operand)
            assert all(torch.equal(found[key].double(), exact[key].double()) for key in exact)
        assert np.array_equal(found["prediction"][0].numpy(), expected_of(network, symbols.astype(np.int32)))


@settings(max_examples=60, deadline=None)
@given(networks(), st.integers(0, 2**32))
def test_ranges_hold(network, seed):
    """What the proof says of a network's tensors is true of inputs that come close to its ends."""
    random = np.random.default_rng(seed)
    if not feasible(network, 3, 4):
        return
    model = carry(network)
    found = tensors_of(model, feeds_of(network, worst(network, random, 3, 4)), dtype=torch.float64)
    for node in model.graph.node:
        tensor = found[node.output[0]].double()
        assert tensor.abs().max() < 2**24, node
        if node.op_type in ("Conv", "Floor", "Clip", "Sub"):
            assert torch.equal(tensor, tensor.round()), node


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("name", [*HYPERPRIORS, DEFAULT])
def test_torch(name, device, request):
    """With TF32 on and off, and with kernels as they are found and as measured to be fastest."""
    if device == "cuda":
        request.getfixturevalue("driver")
        if not torch.cuda.is_available():
            unavailable("gpu", "this PyTorch does not see it")
    network, random = network_of_model(name), np.random.default_rng(5)
    model = carry(network)
    inputs = [(0, worst(network, random, 9, 14)), *(hyper_latents(name) if name != DEFAULT else ())]
    switches = torch.backends.cudnn, torch.backends.cuda.matmul
    before = switches[0].allow_tf32, switches[1].allow_tf32, switches[0].benchmark
    try:
        for tf32, benchmark in product((False, True), repeat=2):
            switches[0].allow_tf32 = switches[1].allow_tf32 = tf32
            switches[0].benchmark = benchmark
            for point, symbols in inputs:
                found = tensors_of(model, feeds_of(network, symbols, point), device=device)["prediction"]
                assert np.array_equal(found[0].cpu().numpy(), expected_of(network, symbols, point))
    finally:
        switches[0].allow_tf32, switches[1].allow_tf32, switches[0].benchmark = before


@pytest.mark.parametrize("name", HYPERPRIORS)
def test_graphs_are_what_the_documentation_says(name):
    """No operator but those listed, and no convolution that Winograd or FFT kernels are made for."""
    model = onnx.load_from_string(carried_graph(network_of_model(name)))
    onnx.checker.check_model(model, full_check=True)
    assert {node.op_type for node in model.graph.node} <= set(OPERATORS)
    constants = {item.name: item.dims for item in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Conv":
            assert list(constants.get(node.input[1]) or constants[f"{node.input[1]}/half"])[2:] == [1, 1]
    shape = model.graph.output[0].type.tensor_type.shape.dim
    layer = network_of_model(name).layers[-1]
    assert [shape[0].dim_value, shape[1].dim_value] == [1, layer.weight.shape[0]]


def test_the_same_network_gives_the_same_bytes():
    network = network_of_model("mbt2018-mean-vbr")
    assert carried_graph(network) == carried_graph(replace(network))


def test_sums_that_fill_64_bits():
    """Weights and inputs of 16 bits and thousands of taps, beside the largest biases, shifts and thresholds."""
    random = np.random.default_rng(2)
    weight = np.where(random.random((6, 4096, 1, 1)) < 0.5, -32767, 32767).astype(np.int16)
    layer = replace(
        layer_of(weight, bits=24, accumulator=64),
        bias=np.array([-(2**31), 2**31 - 1, 0, 1, -1, 77], np.int32),
        shift=np.array([20, 21, 40, 60, 62, 23], np.uint8),
    )
    edges = [-(2**63), -(2**40), -(2**31), 0, 2**31 - 1, 2**40, 2**42, 2**63 - 1]
    thresholds = np.tile(np.array(edges, np.int64), (1, 3, 1))
    network = network_of(layer, input_bits=16, index_channels=3, thresholds=thresholds)
    inputs = [(0, np.full((4096, 1, 2), symbol, np.int32)) for symbol in (-MAX_SYMBOL, MAX_SYMBOL, 1)]
    inputs += [(0, worst(network, random, 2, 3)), (0, random.integers(-300, 300, (4096, 2, 2)).astype(np.int32))]
    assert_carried(network, inputs, [("all", 2)])


def test_thresholds_at_the_sums():
    """Thresholds at, just below and just above sums of one limb and of two."""
    for weight, bias in ((1, 0), (32767, 2**30), (-32767, -(2**30))):
        values = np.arange(-300, 301, 60)
        sums = values * weight + bias
        edges = np.sort(np.concatenate([sums - 1, sums, sums + 1]).clip(-(2**31), 2**31 - 1))
        layer = layer_of(np.full((1, 1, 1, 1), weight, np.int16), bias=bias)
        network = network_of(layer, input_bits=16, thresholds=edges[None, None].astype(np.int32))
        symbols = np.concatenate([values - 1, values, values + 1]).reshape(1, 3, -1).astype(np.int32)
        assert_carried(network, [(0, symbols)])


def test_refusals_name_the_layer():
    """The largest sum of the format, of which all bits but one count, and an offset beyond what bundles have."""
    narrow = layer_of(np.full((4096, 1, 1, 1), 127, np.int8), bits=16)
    wide = layer_of(np.full((1, 4096, 15, 15), 32767, np.int16), shift=1, bits=24, accumulator=64)
    thresholds = np.zeros((1, 0, 0), np.int64)
    with pytest.raises(
        ModelError, match=r"^layer 1: channel 0 can reach \d+, and float32 holds 2\^24; .* --target onnx"
    ):
        carry(network_of(narrow, wide, input_bits=16, index_channels=0, thresholds=thresholds))
    plain = network_of(layer_of(np.ones((1, 1, 1, 1), np.int8)))
    with pytest.raises(ModelError, match=r"^input: channel 0 can reach"):
        carry(replace(plain, input_offset=np.array([2**30], np.int32)))
