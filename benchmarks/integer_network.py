"""Speed of the integer hyper-synthesis against ONNX Runtime's float version of the same network.

    python benchmarks/integer_network.py [--threads N] [--json]

The network is the hyper-synthesis of CompressAI's mbt2018-mean, N = 128 and M = 192, for a picture of 768 x 512: two
transposed convolutions and a convolution with leaky ReLU between. Both run in this process, in turn in every round,
with the same number of threads; ONNX Runtime does not spin between runs, so that neither takes the other's processors.
Reported are medians of the rounds and of the ratios within a round.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from licrt.runtime._native import Network as NativeNetwork
from licrt.runtime.errors import BackendError
from licrt.runtime.integer import Layer, Network, to_blob
from licrt.runtime.timing import turns

N, M, HEIGHT, WIDTH = 128, 192, 8, 12
CPUS = ("scalar", "avx2", "avx512vnni")


def integer_network(rng: np.random.Generator, weight_bits: int) -> Network:
    """Random weights of the shapes and ranges that export gives; ten-bit activations."""
    wide = weight_bits == 16

    def layer(kind: Any, channels: int, out: int, kernel: int, stride: int, activation: Any) -> Layer:
        dtype, limit = (np.int16, 32767) if wide else (np.int8, 127)
        weight = np.clip(np.rint(rng.normal(0, limit / 8, (out, channels, kernel, kernel))), -limit, limit).astype(
            dtype
        )
        bias, shift = rng.integers(-1000, 1000, out).astype(np.int32), np.full(out, 18 if wide else 10, np.uint8)
        bits = 16 if activation == "none" else 12 if wide else 10
        padding, output_padding = kernel // 2, stride - 1
        return Layer(kind, weight, bias, shift, stride, padding, output_padding, activation, bits, 64 if wide else 32)

    layers = (
        layer("conv_transpose", N, M, 5, 2, "leaky_relu"),
        layer("conv_transpose", M, 3 * M // 2, 5, 2, "leaky_relu"),
        layer("conv", 3 * M // 2, 2 * M, 3, 1, "none"),
    )
    thresholds = np.sort(rng.normal(0, 3e4, (1, M, 63)), axis=2).astype(np.int64 if wide else np.int32)
    return Network(10, 4, np.zeros(N, np.int32), layers, M, thresholds)


def float_session(network: Network, threads: int) -> onnxruntime.InferenceSession:
    """The same layers in float32."""
    nodes, weights, name = [], [], "input"
    for number, layer in enumerate(network.layers):
        weight = layer.weight.astype(np.float32) / 1000
        if layer.kind == "conv_transpose":
            weight = weight.swapaxes(0, 1)
        weights += [
            numpy_helper.from_array(np.ascontiguousarray(weight), f"weight{number}"),
            numpy_helper.from_array(layer.bias.astype(np.float32), f"bias{number}"),
        ]
        attributes: dict[str, Any] = {"strides": [layer.stride] * 2, "pads": [layer.padding] * 4}
        if layer.kind == "conv_transpose":
            attributes["output_padding"] = [layer.output_padding] * 2
        operator = "ConvTranspose" if layer.kind == "conv_transpose" else "Conv"
        nodes.append(
            helper.make_node(operator, [name, f"weight{number}", f"bias{number}"], [f"sum{number}"], **attributes)
        )
        name = f"sum{number}"
        if layer.activation == "leaky_relu":
            nodes.append(helper.make_node("LeakyRelu", [name], [f"value{number}"], alpha=0.01))
            name = f"value{number}"
    values = [
        helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, N, "height", "width"]),
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2 * M, "rows", "columns"]),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "hyper_synthesis", values[:1], values[1:], weights),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()

    rng = np.random.default_rng(11)
    networks = {bits: integer_network(rng, bits) for bits in (8, 16)}
    symbols = np.rint(rng.laplace(0, 3, (N, HEIGHT, WIDTH))).astype(np.int32)
    session = float_session(networks[8], options.threads)
    image = symbols[None].astype(np.float32)

    runs: dict[str, Any] = {"ONNX Runtime float": lambda: session.run(None, {"input": image})}
    for bits, network in networks.items():
        expected = None
        for cpu in CPUS:
            try:
                native = NativeNetwork(to_blob(network), cpu)
            except BackendError:
                continue
            runs[f"int{bits} {cpu}"] = lambda native=native: native.run(symbols, 4 * HEIGHT, 4 * WIDTH, options.threads)
            got = runs[f"int{bits} {cpu}"]()
            expected = expected or got
            assert all(np.array_equal(a, b) for a, b in zip(expected, got, strict=True))

    rounds = turns(runs, options.rounds)
    found = {
        name: {
            "seconds": statistics.median(row[name] for row in rounds),
            "ratio": statistics.median(row[name] / row["ONNX Runtime float"] for row in rounds),
        }
        for name in runs
    }
    if options.json:
        print(json.dumps(found))
        return
    print(f"{options.threads} threads, ONNX Runtime {onnxruntime.__version__}")
    for name, times in found.items():
        print(f"{name:20} {1e3 * times['seconds']:8.2f} ms {times['ratio']:7.2f} x ONNX Runtime")


if __name__ == "__main__":
    main()
