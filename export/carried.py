"""Float-carried integers: an integer network as an ONNX graph in float32 in which nothing is ever rounded.

Accelerators have fast float32 arithmetic and no agreed integer one. Every tensor of the graphs made here holds integers
(or dyadic fractions) that float32 holds exactly, and so does every partial sum, so that any engine that adds and
multiplies in float32 gives the numbers of the native engine. docs/float-carried.md says why, and what engines must not
do. The lowering proves itself: `carried_values.Writer` refuses whatever could round.
"""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from licrt.export.carried_heads import Limb, search
from licrt.export.carried_planes import Cut, digits, plan
from licrt.export.carried_taps import taps
from licrt.export.carried_values import LIMIT, Value, Writer
from licrt.export.half import store_exactly
from licrt.runtime.errors import ModelError
from licrt.runtime.integer import Layer, Network, prove
from licrt.runtime.latents import MAX_SYMBOL

if TYPE_CHECKING:
    from licrt.export.carried_taps import Taps

    Int = npt.NDArray[np.int64]


def carry(network: Network) -> onnx.ModelProto:
    """Lower an integer network to float32.

    The graph has an input `symbols`, float32 `[1, channels, height, width]`, integers of at most 2^15 in magnitude;
    where the network has rate points, an input `point`, int64 `[1]`; and one output, float32 `[1, index_channels +
    mean_channels, …]` of the network's output size before cropping: table indexes, then means.

    Args:
        network: a network that `prove` accepts.

    Returns:
        The graph. That it exists is the proof that it cannot round, for any input.

    Raises:
        ModelError: a sum cannot be kept below 2^24; names the layer.

    >>> layer = Layer("conv", np.ones((1, 1, 1, 1), np.int8), np.zeros(1, np.int32), np.ones(1, np.uint8),
    ...               1, 0, 0, "none", 8)
    >>> graph = carry(Network(8, 0, np.zeros(1, np.int32), (layer,), 0, np.zeros((1, 0, 0), np.int32))).graph
    >>> [node.op_type for node in graph.node]
    ['Clip', 'Clip', 'Conv', 'Mul', 'Floor', 'Clip']
    """
    prove(network)
    writer = Writer()
    inputs = [_input("symbols", TensorProto.FLOAT, [1, network.input_offset.size, "h", "w"])]
    if network.rate_points > 1 and network.index_channels:
        inputs.append(_input("point", TensorProto.INT64, [1]))
    with writer.at("input"):
        value = _saturated(writer, network)
    for number, layer in enumerate(network.layers):
        last = number == len(network.layers) - 1
        with writer.at(f"layer {number}"):
            rows = taps(layer)
            limbs = _sums(writer, value, layer, rows, network.index_channels if last else 0)
            value = _heads(writer, limbs, layer, rows, network) if last else _activated(writer, limbs, layer, rows)
    return writer.model(inputs, value, "prediction")


def carried_graph(network: Network) -> bytes:
    """Return the file of the graph that `carry` makes, with constants in half precision where that is exact."""
    model = carry(network)
    onnx.checker.check_model(model)
    store_exactly(model)
    return bytes(model.SerializeToString(deterministic=True))


def _input(name: str, kind: int, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _saturated(writer: Writer, network: Network) -> Value:
    """Return sat((symbol << f) + offset, b): docs/integer-net.md, section 1."""
    offset = network.input_offset.astype(np.int64)
    ones, most = np.ones_like(offset), 1 << (network.input_bits - 1)
    # A symbol beyond this saturates whatever the offset is; without the limit, float32 might not hold it shifted.
    beyond = min(MAX_SYMBOL, (int(np.abs(offset).max()) + most >> network.input_shift) + 1)
    value = writer.clip(Value("symbols", -MAX_SYMBOL * ones, MAX_SYMBOL * ones), -beyond, beyond)
    value = writer.offset(writer.shift(value, network.input_shift * ones), offset)
    return writer.clip(value, -most, most - 1)


def _sums(writer: Writer, value: Value, layer: Layer, rows: Taps, index_channels: int) -> list[Limb]:
    """Return a layer's sums as limbs, lowest first, with the half that requantisation adds, but for index channels."""
    means = rows.channel >= index_channels
    shift = layer.shift.astype(np.int64)[rows.channel]
    bias = layer.bias.astype(np.int64)[rows.channel] + np.where(means, np.left_shift(1, shift - 1), 0)
    least = int(shift[means].min()) if means.any() else 0
    try:  # half the range for index channels, whose sums are subtracted from
        cuts = plan(rows.matrix, int(value.reach.max()), bias, least, LIMIT >> 1 if index_channels else LIMIT)
    except ModelError as error:
        raise ModelError(
            f"{writer.place}: {error}; this network cannot be carried in float32, export it for --target onnx"
        ) from error
    padded = writer.pad(value, *rows.pads)
    planes = [_windows(writer, plane, rows) for plane in _planes(writer, padded, cuts.inputs)]
    weights = digits(rows.matrix, cuts.weights)
    limbs: list[Limb] = []
    carried: Value | None = None
    ends = [exponent for exponent, _ in cuts.levels[1:]]
    for (exponent, pairs), amount in zip(cuts.levels, cuts.biases, strict=True):
        terms = [writer.mix(planes[i], weights[j], amount * (n == 0)) for n, (i, j) in enumerate(pairs)]
        if carried:
            terms.append(carried if pairs else writer.offset(carried, amount))
        total = reduce(writer.add, terms)
        if ends:
            width = ends.pop(0) - exponent
            carried = writer.shift(total, np.full_like(total.low, -width))
            total = writer.remainder(total, carried, width)
        limbs.append(Limb(exponent, total))
    return limbs


def _planes(writer: Writer, value: Value, cut: Cut) -> list[Value]:
    """Return the digits of a value."""
    planes = []
    for _ in range(cut.planes - 1):
        rest = writer.shift(value, np.full_like(value.low, -cut.bits), nearest=True)
        planes.append(writer.remainder(value, rest, cut.bits, nearest=True))
        value = rest
    return [*planes, value]


def _windows(writer: Writer, value: Value, rows: Taps) -> Value:
    """Return what every tap sees of a value, one after the other as channels."""
    return writer.concatenate([writer.window(value, starts, ends, rows.step) for starts, ends in rows.windows])


def _laid_out(writer: Writer, value: Value, rows: Taps) -> Value:
    """Return rows as channels, with their phases side by side."""
    if rows.factor > 1:
        value = writer.interleave(value, rows.factor, phases_first=rows.phases_first)
    return writer.window(value, (0, 0), rows.crop)


def _requantised(writer: Writer, limbs: list[Limb], shift: Int, bits: int) -> Value:
    """Return sums without `shift` bits, saturated.

    Rounded down, a sum is the sum of its limbs rounded down: below each there is less than one of it.
    """
    top, most = limbs[-1], 1 << (bits - 1)
    up = top.exponent - shift
    value = top.value
    if (value.reach << np.clip(up, 0, 30)).max() >= LIMIT >> 1:
        # Beyond these it saturates, whatever is below.
        bound = np.where(up > 0, -(-most >> np.maximum(up, 0)), LIMIT - 2)
        value = writer.limit(value, -bound - 1, bound)
    total = writer.shift(value, up)
    for limb, above in pairwise(limbs):
        if (shift < above.exponent).any():
            total = writer.add(total, writer.shift(limb.value, limb.exponent - shift))
    return writer.clip(total, -most, most - 1)


def _activated(writer: Writer, limbs: list[Limb], layer: Layer, rows: Taps) -> Value:
    """Return what a hidden layer hands on."""
    value = _requantised(writer, limbs, layer.shift.astype(np.int64)[rows.channel], layer.output_bits)
    if layer.activation == "relu":
        value = writer.clip(value, 0, 1 << (layer.output_bits - 1))
    if layer.activation == "leaky_relu":
        value = writer.leak(value)
    return _laid_out(writer, value, rows)


def _heads(writer: Writer, limbs: list[Limb], layer: Layer, rows: Taps, network: Network) -> Value:
    """Return table indexes and means of the last layer's sums."""
    split, channels = network.index_channels, len(layer.weight)
    whole = [limb._replace(value=_laid_out(writer, limb.value, rows)) for limb in limbs]

    def part(begin: int, end: int) -> list[Limb]:
        return [limb._replace(value=writer.channels(limb.value, begin, end)) for limb in whole]

    heads = []
    if split:
        point = "point" if network.rate_points > 1 else None
        heads.append(search(writer, part(0, split), network.thresholds, point))
    if split < channels:
        shift = layer.shift.astype(np.int64)[split:]
        heads.append(_requantised(writer, part(split, channels), shift, layer.output_bits))
    return writer.concatenate(heads)
