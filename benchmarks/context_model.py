"""Speed of context models against ONNX Runtime's float synthesis of the same codec.

    python benchmarks/context_model.py [--threads N] [--models mbt2018:192 elic2022 ...] [--kernels avx2 ...]

The models are random, of the shapes of CompressAI's with N = 192, for a picture of 768 x 512; time does not depend on
training. The synthesis is four transposed convolutions with inverse GDN between them, as torch exports it. Everything
runs in this process, in turn in every round; reported are medians of the rounds and of the ratios within a round.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx
import onnxruntime
from coder import gaussian_tables
from onnx import TensorProto, helper, numpy_helper

from licrt.runtime._native import CdfTables, ContextModel, available_kernels, encode
from licrt.runtime.context import ContextModel as Description
from licrt.runtime.context import Group, to_blob, undecoded_taps
from licrt.runtime.integer import Layer, Network

if TYPE_CHECKING:
    from collections.abc import Callable

N, HEIGHT, WIDTH, BITS, FRACTION, LANES = 192, 32, 48, 11, 4, 4
TABLES = 64


@dataclass(frozen=True)
class Shape:
    """Channels of a model: of the latent's groups, of the hyper features, and of the hidden parameter layers."""

    groups: tuple[int, ...]
    order: Literal["checkerboard", "wavefront"]
    features: int
    conditional: bool = False

    def hidden(self, features: int, group: int) -> list[int]:
        """Return the widths of the hidden parameter layers of a group that reads so many features."""
        if not self.conditional:
            return [features * 5 // 6, features * 4 // 6]
        return [max(int(width), 2 * N) for width in np.linspace(features, 2 * group, 4)[1:-1]]


SHAPES = {
    "mbt2018:192": Shape((192,), "wavefront", 384),
    "mbt2018:320": Shape((320,), "wavefront", 640),
    "cheng2020-checkerboard:192": Shape((192,), "checkerboard", 384),
    "elic2022:320": Shape((16, 16, 32, 64, 192), "checkerboard", 384, conditional=True),
}


def random_layer(
    random: np.random.Generator, out: int, channels: int, kernel: int = 1, activation: Any = "none", bits: int = BITS
) -> Layer:
    """A convolution that keeps the size, whose values use most of their bits."""
    weight = np.clip(np.rint(random.normal(0, 30, (out, channels, kernel, kernel))), -127, 127).astype(np.int8)
    shift = round(np.log2(30 * np.sqrt(channels * kernel * kernel)))
    bias = random.integers(-1000, 1000, out).astype(np.int32)
    return Layer("conv", weight, bias, np.full(out, shift, np.uint8), 1, kernel // 2, 0, activation, bits)


def description(shape: Shape, random: np.random.Generator) -> Description:
    """A random model of a shape."""
    groups = []
    for number, channels in enumerate(shape.groups):
        sources, network, features = (), None, shape.features
        if shape.conditional and number:
            sources = tuple(range(number))
            seen = sum(shape.groups[:number])
            layers = (
                random_layer(random, 224, seen, 5, "relu"),
                random_layer(random, 128, 224, 5, "relu"),
                random_layer(random, 2 * channels, 128, 5),
            )
            network = Network(BITS, 0, np.zeros(seen, np.int32), layers, 0, np.zeros((1, 0, 0), np.int32))
            features += 2 * channels
        spatial = random_layer(random, 2 * channels, channels, 5)
        spatial.weight[:, :, undecoded_taps(shape.order, 5)] = 0
        features += 2 * channels
        widths = [features, *shape.hidden(features, channels), 2 * channels]
        parameters = [
            random_layer(random, out, width, activation="leaky_relu", bits=BITS)
            for width, out in itertools.pairwise(widths[:-1])
        ]
        heads = random_layer(random, 2 * channels, widths[-2], bits=12)
        deviation = 30 * np.sqrt(widths[-2]) * 2 ** (BITS - 2)
        thresholds = np.sort(random.normal(0, deviation, (1, channels, TABLES - 1)), axis=2).astype(np.int32)
        groups.append(Group(channels, shape.order, sources, network, spatial, None, (*parameters, heads), thresholds))
    shifts = np.full(sum(shape.groups), FRACTION - 2, np.uint8)
    return Description(shape.features, BITS, FRACTION, shifts, None, tuple(groups))


def multiplications(model: Description) -> float:
    """Return how many 10^9 products of live taps a picture needs."""
    count = 0
    for group in model.groups:
        networks = group.channel_network.layers if group.channel_network else ()
        count += sum(layer.weight.size for layer in (*networks, *group.parameters))
        if group.spatial is not None:
            live = ~undecoded_taps(group.order, group.spatial.weight.shape[2])
            passes = 0.5 if group.order == "checkerboard" else 1
            count += int(group.spatial.weight[:, :, live].size * passes)
    return count * HEIGHT * WIDTH / 1e9


def synthesis(channels: int, threads: int) -> onnxruntime.InferenceSession:
    """The float synthesis of CompressAI's mbt2018 for a latent of so many channels."""
    random, nodes, weights, name = np.random.default_rng(1), [], [], "latent"

    def weight(label: str, *shape: int) -> str:
        weights.append(numpy_helper.from_array(random.normal(0, 0.05, shape).astype(np.float32), label))
        return label

    widths = [channels, N, N, N, 3]
    for number in range(4):
        kernel = weight(f"kernel{number}", widths[number], widths[number + 1], 5, 5)
        bias = weight(f"bias{number}", widths[number + 1])
        attributes = {"strides": [2, 2], "pads": [2] * 4, "output_padding": [1, 1]}
        nodes.append(helper.make_node("ConvTranspose", [name, kernel, bias], [f"sum{number}"], **attributes))
        name = f"sum{number}"
        if number < 3:
            gamma, beta = weight(f"gamma{number}", N, N, 1, 1), weight(f"beta{number}", N)
            nodes += [
                helper.make_node("Mul", [name, name], [f"square{number}"]),
                helper.make_node("Conv", [f"square{number}", gamma, beta], [f"norm{number}"]),
                helper.make_node("Abs", [f"norm{number}"], [f"positive{number}"]),
                helper.make_node("Sqrt", [f"positive{number}"], [f"root{number}"]),
                helper.make_node("Mul", [name, f"root{number}"], [f"value{number}"]),
            ]
            name = f"value{number}"
    values = [
        helper.make_tensor_value_info("latent", TensorProto.FLOAT, [1, channels, "height", "width"]),
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, "rows", "columns"]),
    ]
    graph = helper.make_graph(nodes, "synthesis", values[:1], values[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def milliseconds(function: Callable[[], object]) -> float:
    """How long one call takes."""
    begin = time.perf_counter()
    function()
    return 1e3 * (time.perf_counter() - begin)


def measure(name: str, kernels: list[str], threads: int, rounds: int) -> None:
    """Measure and print one model."""
    random = np.random.default_rng(7)
    model = description(SHAPES[name], random)
    blob, tables = to_blob(model), CdfTables(*gaussian_tables(np.exp(np.linspace(np.log(0.11), np.log(256), TABLES))))
    features = np.rint(random.normal(0, 2 ** (BITS - 2), (model.feature_channels, HEIGHT, WIDTH))).astype(np.int32)
    latent = random.laplace(0, 6, (model.latent_channels, HEIGHT, WIDTH)).astype(np.float32)
    session = synthesis(model.latent_channels, threads)

    runs: dict[str, Callable[[], Any]] = {"synthesis": lambda: session.run(None, {"latent": latent[None]})}
    expected = None
    for cpu in kernels:
        native = ContextModel(blob, cpu)
        symbols, indexes, y_hat = native.encode(features, latent, threads)
        data = np.frombuffer(encode(symbols, indexes, tables, LANES), np.uint8)
        assert expected is None or np.array_equal(expected, y_hat)
        assert np.array_equal(native.decode(features, tables, data, LANES, threads), y_hat)
        expected = y_hat
        runs[f"{cpu} decode"] = lambda native=native, data=data: native.decode(features, tables, data, LANES, threads)
        runs[f"{cpu} encode"] = lambda native=native: native.encode(features, latent, threads)
    taken = [{label: milliseconds(run) for label, run in runs.items()} for _ in range(rounds + 2)][2:]
    work = multiplications(model)
    print(f"{name}: {work:.2f} GMAC, {8 * len(data) / latent.size:.2f} bit/symbol")
    for label in runs:
        time_ms = statistics.median(row[label] for row in taken)
        least = min(row[label] for row in taken)
        ratio = statistics.median(row[label] / row["synthesis"] for row in taken)
        rate = f"{1e3 * work / time_ms:8.0f} GMAC/s" if label != "synthesis" else ""
        print(f"  {label:20} {time_ms:8.2f} ms (least {least:8.2f}) {ratio:7.3f} x synthesis {rate}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=SHAPES, default=list(SHAPES), metavar="NAME")
    parser.add_argument("--kernels", nargs="+", default=[name for name in available_kernels() if name != "scalar"])
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    print(f"{options.threads} threads, ONNX Runtime {onnxruntime.__version__}, latent of {WIDTH} x {HEIGHT}")
    for name in options.models:
        measure(name, options.kernels, options.threads, options.rounds)


if __name__ == "__main__":
    main()
