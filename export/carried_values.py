"""Integers in float32 tensors: a graph writer that refuses every operation whose result float32 might round.

float32 holds every integer of magnitude up to 2^24. A `Value` is a tensor of integers with a range for each channel;
each method of `Writer` appends the nodes of one operation after showing, from the ranges of its operands, that no
result and no partial sum in any order reaches 2^24. What is not an integer in between is one divided by a power of two,
of at most 24 bits. So a finished graph is its own proof, for any input: engines that add and multiply in float32 have
nothing to round, whatever they fuse or reorder (docs/float-carried.md).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from licrt.runtime.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Int = npt.NDArray[np.int64]

LIMIT = 1 << 24  # what magnitudes stay below
_LAST = np.iinfo(np.int64).max  # "up to the end", for Slice


@dataclass(frozen=True, eq=False)
class Value:
    """A float32 tensor `[1, channels, height, width]` of integers; `low` and `high` are int64 `[channels]`."""

    name: str
    low: Int
    high: Int

    @property
    def reach(self) -> Int:
        """The largest magnitude of each channel."""
        return np.maximum(np.abs(self.low), np.abs(self.high))


class Writer:
    """Collects the nodes and constants of a graph."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[object, ...], onnx.TensorProto] = {}
        self._place = ""

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Name what is written meanwhile, in the graph and in errors."""
        before, self._place = self._place, place
        yield
        self._place = before

    @property
    def place(self) -> str:
        """What is being written."""
        return self._place

    def model(self, inputs: Sequence[onnx.ValueInfoProto], output: Value, name: str) -> onnx.ModelProto:
        """Return the graph that computes a value of the inputs, under a name; what it does not need is left out."""
        needed, nodes = {output.name}, []
        for node in reversed(self._nodes):
            if node.output[0] in needed:
                needed.update(node.input)
                nodes.append(node)
        nodes[0].output[0] = name
        constants = [constant for constant in self._constants.values() if constant.name in needed]
        shape: list[int | str] = [1, len(output.low), "height", "width"]
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
        graph = helper.make_graph(nodes[::-1], "carried", inputs, outputs, constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def node(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Append any node; return the name of its output."""
        name = f"{self._place}/{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def constant(self, values: npt.ArrayLike, dtype: type[np.generic] = np.float32) -> str:
        """Add a constant, which `dtype` must hold exactly, or find one that is equal; return its name."""
        array = np.asarray(values)
        stored = array.astype(dtype)
        if not np.array_equal(stored, array):
            raise ModelError(f"{self._place}: a constant is no {stored.dtype}")
        key = (stored.dtype.str, stored.shape, stored.tobytes())
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(stored, f"constant/{len(self._constants)}")
        return self._constants[key].name

    def value(self, name: str, low: npt.ArrayLike, high: npt.ArrayLike) -> Value:
        """Return a tensor as a value with a range for each channel.

        Raises:
            ModelError: the range reaches 2^24.
        """
        value = Value(name, *(np.asarray(bound, np.int64) for bound in (low, high)))
        self._expect(value.reach)
        return value

    def pad(self, value: Value, top: int, left: int, bottom: int, right: int) -> Value:
        """Put zeros around a value."""
        if not any((top, left, bottom, right)):
            return value
        pads = self.constant([0, 0, top, left, 0, 0, bottom, right], np.int64)
        name = self.node("Pad", [value.name, pads, self.constant(0.0)])
        return Value(name, np.minimum(value.low, 0), np.maximum(value.high, 0))

    def window(self, value: Value, starts: tuple[int, int], ends: tuple[int, int], step: int = 1) -> Value:
        """Cut rows and columns out; ends count from the end, 0 or less."""
        if not any((*starts, *ends)) and step == 1:
            return value
        stops = [end or _LAST for end in ends]
        numbers = [self.constant(each, np.int64) for each in (starts, stops, (2, 3), (step, step))]
        return Value(self.node("Slice", [value.name, *numbers]), value.low, value.high)

    def channels(self, value: Value, begin: int, end: int) -> Value:
        """Cut channels out."""
        if (begin, end) == (0, len(value.low)):
            return value
        numbers = [self.constant([each], np.int64) for each in (begin, end, 1)]
        return Value(self.node("Slice", [value.name, *numbers]), value.low[begin:end], value.high[begin:end])

    def concatenate(self, values: Sequence[Value]) -> Value:
        """Put the channels of values behind one another."""
        if len(values) == 1:
            return values[0]
        name = self.node("Concat", [value.name for value in values], axis=1)
        return Value(name, *(np.concatenate([getattr(value, end) for value in values]) for end in ("low", "high")))

    def interleave(self, value: Value, factor: int, *, phases_first: bool) -> Value:
        """Lay channels side by side, enlarging `factor` times; they come phase by phase, or each with its phases."""
        mode = "DCR" if phases_first else "CRD"
        name = self.node("DepthToSpace", [value.name], blocksize=factor, mode=mode)
        shape = (factor**2, -1) if phases_first else (-1, factor**2)
        low, high = (bound.reshape(shape) for bound in (value.low, value.high))
        axis = 0 if phases_first else 1
        return Value(name, low.min(axis), high.max(axis))

    def mix(self, value: Value, matrix: Int, bias: Int) -> Value:
        """Convolve with a kernel of 1x1: `matrix[out, channels]`, integer, and `bias[out]`.

        The bound is that of the magnitudes, so it holds for every partial sum in any order.
        """
        magnitude = np.abs(matrix) @ value.reach + np.abs(bias)
        self._expect(magnitude)
        weight = self.constant(matrix[:, :, None, None])
        name = self.node("Conv", [value.name, weight, self.constant(bias)], kernel_shape=[1, 1])
        low = np.minimum(matrix, 0) @ value.high + np.maximum(matrix, 0) @ value.low
        high = np.maximum(matrix, 0) @ value.high + np.minimum(matrix, 0) @ value.low
        return self.value(name, low + bias, high + bias)

    def add(self, first: Value, second: Value) -> Value:
        """Add two values."""
        low, high = first.low + second.low, first.high + second.high
        return self.value(self.node("Add", [first.name, second.name]), low, high)

    def subtract(self, first: Value, second: Value) -> Value:
        """Subtract the second value from the first."""
        low, high = first.low - second.high, first.high - second.low
        return self.value(self.node("Sub", [first.name, second.name]), low, high)

    def shift(self, value: Value, bits: Int, *, nearest: bool = False) -> Value:
        """Multiply each channel by 2^bits, where bits are negative round down, or to the nearest integer (half up)."""
        if not bits.any():
            return value
        name = self.node("Mul", [value.name, self._by_channel(np.ldexp(1.0, bits))])
        half = np.left_shift(1, np.maximum(-bits, 0)) >> 1 if nearest else np.zeros_like(bits)
        self._expect(value.reach + half)  # the sum's bits, counted from its last fraction bit
        if half.any():
            name = self.node("Add", [name, self._by_channel(np.where(half > 0, 0.5, 0.0))])
        if bits.min() < 0:
            name = self.node("Floor", [name])
        low, high = (_shifted(bound + half, bits) for bound in (value.low, value.high))
        return self.value(name, low, high)

    def remainder(self, value: Value, quotient: Value, bits: int, *, nearest: bool = False) -> Value:
        """Return value - quotient · 2^bits, where the quotient is that value shifted by -bits."""
        multiple = self.shift(quotient, np.full(len(quotient.low), bits))
        half = 1 << bits >> 1 if nearest else 0
        name = self.node("Sub", [value.name, multiple.name])
        return Value(name, np.full_like(value.low, -half), np.full_like(value.high, (1 << bits) - 1 - half))

    def clip(self, value: Value, low: int, high: int) -> Value:
        """Limit a value."""
        name = self.node("Clip", [value.name, self.constant(float(low)), self.constant(float(high))])
        return Value(name, *(np.clip(bound, low, high) for bound in (value.low, value.high)))

    def limit(self, value: Value, low: Int, high: Int) -> Value:
        """Limit each channel of a value to its own range."""
        name = self.node("Max", [value.name, self._by_channel(low)])
        name = self.node("Min", [name, self._by_channel(high)])
        return Value(name, *(np.clip(bound, low, high) for bound in (value.low, value.high)))

    def offset(self, value: Value, amount: Int) -> Value:
        """Add an integer to each channel."""
        if not amount.any():
            return value
        name = self.node("Add", [value.name, self._by_channel(amount)])
        return self.value(name, value.low + amount, value.high + amount)

    def leak(self, value: Value) -> Value:
        """Apply the leaky ReLU of docs/integer-net.md: negative v become (41·v + 2048) >> 12.

        That is the larger of v and this number, for every v.
        """
        self._expect(41 * value.reach + 2048)
        name = self.node("Mul", [value.name, self.constant(41 / 4096)])
        name = self.node("Floor", [self.node("Add", [name, self.constant(0.5)])])
        low, high = (np.maximum(bound, (41 * bound + 2048) >> 12) for bound in (value.low, value.high))
        return Value(self.node("Max", [value.name, name]), low, high)

    def _by_channel(self, numbers: npt.NDArray[Any]) -> str:
        """Add a constant for each channel, or one for all where they are equal."""
        if (numbers == numbers[0]).all():
            return self.constant(numbers[0])
        return self.constant(numbers[:, None, None])

    def _expect(self, reach: Int) -> None:
        if int(reach.max()) >= LIMIT:
            channel = int(np.argmax(reach))
            raise ModelError(
                f"{self._place}: channel {channel} can reach {int(reach[channel])}, and float32 holds 2^24; "
                "this network cannot be carried in float32, export it for --target onnx"
            )


def _shifted(bound: Int, bits: Int) -> Int:
    return np.right_shift(np.left_shift(bound, np.maximum(bits, 0)), np.maximum(-bits, 0)).astype(np.int64)
