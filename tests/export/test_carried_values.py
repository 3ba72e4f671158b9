"""Every operation of the writer of carried graphs: its ranges hold at their ends, and what could round is refused."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from onnx import TensorProto, helper
from references.graph_in_torch import tensors_of

from licrt.export.carried_values import LIMIT, Value, Writer
from licrt.runtime.errors import ModelError


@pytest.fixture(autouse=True)
def one_thread():
    """Threads of torch's that wait in loops take longer than small graphs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def given_value(writer, low, high):
    """The graph's input, of these ranges."""
    return writer.value("x", np.array(low), np.array(high))


def assert_exact(low, high, operation, count=40):
    """Run an operation on the ends of a range and on numbers between; `operation` makes a value of writer and input."""
    writer = Writer()
    result = writer.clip(operation(writer, given_value(writer, low, high)), -LIMIT, LIMIT)
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, len(low), "h", "w"])
    model = writer.model([entry], result, "y")
    random = np.random.default_rng(4)
    between = random.integers(low, np.array(high) + 1, (count, len(low)))
    corners = np.where(random.random((count, len(low))) < 0.5, low, high)
    x = np.concatenate([[low], [high], corners, between]).T.reshape(1, len(low), 2, -1).astype(np.float32)
    found, exact = (tensors_of(model, {"x": x}, dtype=dtype) for dtype in (torch.float32, torch.float64))
    assert all(torch.equal(found[name].double(), exact[name].double()) for name in exact)
    y = exact["y"][0].numpy()
    assert np.array_equal(y, np.rint(y))
    assert (y >= result.low[:, None, None]).all()
    assert (y <= result.high[:, None, None]).all()
    return x[0].astype(np.int64), y.astype(np.int64), result


ranges = st.tuples(st.integers(-5000, 5000), st.integers(0, 5000)).map(lambda pair: (pair[0], sum(pair)))
channels = st.lists(ranges, min_size=1, max_size=3).map(lambda pairs: tuple(map(list, zip(*pairs, strict=True))))


@settings(deadline=None, max_examples=50)
@given(channels, st.lists(st.integers(-9, 9), min_size=3, max_size=3), st.booleans())
def test_shift(bounds, bits, nearest):
    shifts = np.array(bits[: len(bounds[0])])
    x, y, _ = assert_exact(*bounds, lambda writer, value: writer.shift(value, shifts, nearest=nearest))
    by = shifts[:, None, None]
    half = np.where(by < 0, (1 << np.maximum(-by, 1)) >> 1, 0) * nearest
    assert np.array_equal(y, ((x << np.maximum(by, 0)) + half) >> np.maximum(-by, 0))


@settings(deadline=None, max_examples=50)
@given(channels, st.integers(1, 11), st.booleans())
def test_remainder(bounds, bits, nearest):
    """It is the lowest digit, of those from 0 and of those around 0."""

    def operation(writer, value):
        quotient = writer.shift(value, np.full_like(value.low, -bits), nearest=nearest)
        return writer.remainder(value, quotient, bits, nearest=nearest)

    x, y, _ = assert_exact(*bounds, operation)
    half = (1 << bits >> 1) * nearest
    assert np.array_equal(y, (x + half) % (1 << bits) - half)


@settings(deadline=None, max_examples=50)
@given(channels, st.integers(0, 2**32))
def test_mix(bounds, seed):
    """Its range is reached by inputs at their ends."""
    random = np.random.default_rng(seed)
    matrix = random.integers(-500, 501, (4, len(bounds[0])))
    bias = random.integers(-70000, 70001, 4)
    x, y, result = assert_exact(*bounds, lambda writer, value: writer.mix(value, matrix, bias), count=200)
    assert np.array_equal(y, np.tensordot(matrix, x, 1) + bias[:, None, None])
    assert np.array_equal(y.max(axis=(1, 2)), result.high)
    assert np.array_equal(y.min(axis=(1, 2)), result.low)


@settings(deadline=None, max_examples=50)
@given(channels)
def test_leak(bounds):
    x, y, _ = assert_exact(*bounds, lambda writer, value: writer.leak(value))
    assert np.array_equal(y, np.where(x < 0, (41 * x + 2048) >> 12, x))


def test_leak_of_every_number_of_16_bits():
    low, high = [-(2**15)], [2**15 - 1]
    writer = Writer()
    result = writer.leak(given_value(writer, low, high))
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, "h", "w"])
    x = np.arange(-(2**15), 2**15)
    y = tensors_of(writer.model([entry], result, "y"), {"x": x.reshape(1, 1, 256, 256).astype(np.float32)})["y"]
    assert np.array_equal(y.numpy().ravel(), np.where(x < 0, (41 * x + 2048) >> 12, x))


@settings(deadline=None, max_examples=30)
@given(channels, st.integers(-6000, 6000), st.integers(0, 6000))
def test_limits_and_offsets(bounds, low, more):
    x, y, _ = assert_exact(*bounds, lambda writer, value: writer.clip(value, low, low + more))
    assert np.array_equal(y, np.clip(x, low, low + more))
    lows = low + np.arange(len(bounds[0]))
    x, y, _ = assert_exact(*bounds, lambda writer, value: writer.limit(value, lows, lows + more))
    assert np.array_equal(y, np.clip(x, lows[:, None, None], lows[:, None, None] + more))
    x, y, _ = assert_exact(*bounds, lambda writer, value: writer.offset(value, lows))
    assert np.array_equal(y, x + lows[:, None, None])
    shifted = lambda writer, value: writer.offset(value, lows)  # noqa: E731
    x, y, _ = assert_exact(*bounds, lambda writer, value: writer.subtract(shifted(writer, value), value))
    assert np.array_equal(y, np.broadcast_to(lows[:, None, None], y.shape))
    x, y, _ = assert_exact(*bounds, lambda writer, value: writer.add(shifted(writer, value), value))
    assert np.array_equal(y, 2 * x + lows[:, None, None])


REFUSED = {
    "value": lambda writer, value: given_value(writer, [0], [LIMIT]),
    "add": lambda writer, value: writer.add(value, value),
    "subtract": lambda writer, value: writer.subtract(value, writer.offset(writer.clip(value, 0, 0), np.array([-1]))),
    "shift up": lambda writer, value: writer.shift(value, np.array([1])),
    "half": lambda writer, value: writer.shift(value, np.array([-1]), nearest=True),
    "weights": lambda writer, value: writer.mix(value, np.array([[2]]), np.array([0])),
    "partial sums": lambda writer, value: writer.mix(
        writer.concatenate([value, value]), np.array([[1, -1]]), np.array([0])
    ),
    "bias": lambda writer, value: writer.mix(value, np.array([[1]]), np.array([1])),
    "offset": lambda writer, value: writer.offset(value, np.array([1])),
    "leak": lambda writer, value: writer.leak(value),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_round_is_refused(name):
    """One more than 2^24 - 1, or what passes it on the way to something small; the error names the place."""
    writer = Writer()
    value = given_value(writer, [0], [LIMIT - 1])
    with (
        pytest.raises(ModelError, match=r"^layer 7: channel 0 can reach \d+, and float32 holds 2\^24"),
        writer.at("layer 7"),
    ):
        REFUSED[name](writer, value)


def test_constants_must_be_what_they_say():
    with pytest.raises(ModelError, match="layer 2: a constant is no float32"), (writer := Writer()).at("layer 2"):
        writer.constant(np.array([2**24 + 1]))


def test_equal_constants_are_stored_once_and_what_nothing_reads_not_at_all():
    writer = Writer()
    value = given_value(writer, [-3], [3])
    writer.offset(value, np.array([5]))
    result = writer.offset(writer.offset(value, np.array([2])), np.array([2]))
    graph = writer.model([helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, "h", "w"])], result, "y").graph
    assert [node.op_type for node in graph.node] == ["Add", "Add"]
    assert len(graph.initializer) == 1
    assert isinstance(result, Value)
