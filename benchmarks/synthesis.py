"""The float synthesis in ONNX Runtime on the CPU, as torch exports it and rewritten by phase, against a matrix product.

    .venv/bin/python benchmarks/synthesis.py --arch mbt2018-mean --channels 128 192

Prints, for both graphs, time · sgemm rate / FLOP: how many times as long it takes as a matrix product of so many
operations would. FLOP are two per multiplication of the model's own (transposed) convolutions, whatever the graph does.
The sgemm rate is numpy's or ONNX Runtime's MatMul's at 1024³, whichever is higher. All are measured in turns in one
run; each figure is the median over turns of a ratio within one turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics

_parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
_parser.add_argument("--arch", default="mbt2018-mean")
_parser.add_argument("--channels", type=int, nargs=2, default=(128, 192), metavar=("N", "M"))
_parser.add_argument("--size", type=int, nargs=2, default=(768, 512), metavar=("WIDTH", "HEIGHT"))
_parser.add_argument("--threads", type=int, default=2)
_parser.add_argument("--turns", type=int, default=15)
_parser.add_argument("--json", action="store_true", help="print JSON")
ARGUMENTS = _parser.parse_args()
os.environ["OPENBLAS_NUM_THREADS"] = str(ARGUMENTS.threads)  # before numpy is imported

import numpy as np  # noqa: E402
import onnx  # noqa: E402
import torch  # noqa: E402
from onnx import helper, numpy_helper  # noqa: E402
from torch import nn  # noqa: E402

from licrt.export.graphs import to_onnx  # noqa: E402
from licrt.export.rewrites import by_phase  # noqa: E402
from licrt.export.structure import fold  # noqa: E402
from licrt.runtime.backends import open_backend  # noqa: E402
from licrt.runtime.timing import turns  # noqa: E402
from licrt.trainer.models import ARCHITECTURES  # noqa: E402

SIDE = 1024  # of the matrices


def main() -> None:
    """Time everything in turns and print the table."""
    torch.manual_seed(0)
    synthesis = fold(ARCHITECTURES[ARGUMENTS.arch](*ARGUMENTS.channels).eval().g_s)
    width, height = (side // 16 for side in ARGUMENTS.size)
    latent = np.random.default_rng(0).normal(0, 3, (1, ARGUMENTS.channels[1], height, width)).round().astype(np.float32)
    stock = to_onnx(synthesis, latent.shape[1], 16, "picture")
    backend = open_backend("cpu", ARGUMENTS.threads)
    square = np.random.default_rng(1).normal(size=(SIDE, SIDE)).astype(np.float32)
    sessions = {
        "stock": backend.load(stock.SerializeToString(), "stock"),
        "by phase": backend.load(by_phase(stock).SerializeToString(), "by phase"),
        "MatMul": backend.load(matrix_product(square).SerializeToString(), "MatMul"),
    }
    runs = {
        "stock": lambda: sessions["stock"].run(latent),
        "by phase": lambda: sessions["by phase"].run(latent),
        "MatMul": lambda: [sessions["MatMul"].run(square) for _ in range(8)],
        "numpy": lambda: [square @ square for _ in range(8)],
    }
    difference = np.abs(runs["by phase"]() - runs["stock"]()).max() / np.abs(runs["stock"]()).max()
    flop = operations(synthesis, latent.shape[1]) * width * height
    rounds = turns(runs, ARGUMENTS.turns)
    rates = [8 * 2 * SIDE**3 / min(turn["MatMul"], turn["numpy"]) for turn in rounds]
    found = {
        name: {
            "seconds": statistics.median(turn[name] for turn in rounds),
            "times_sgemm": statistics.median(
                turn[name] * rate / flop for turn, rate in zip(rounds, rates, strict=True)
            ),
        }
        for name in ("stock", "by phase")
    }
    gain = statistics.median(turn["by phase"] / turn["stock"] for turn in rounds)
    if ARGUMENTS.json:
        print(json.dumps({**found, "ratio": gain}))
        return
    print(f"{ARGUMENTS.arch} N, M = {ARGUMENTS.channels}, {ARGUMENTS.size}, {ARGUMENTS.threads} threads")
    print(f"{flop / 1e9:.1f} GFLOP; sgemm {statistics.median(rates) / 1e9:.0f} GFLOP/s")
    print(f"largest difference of the two graphs {difference:.1e} of the range")
    for name, times in found.items():
        print(f"{name:<9}{1e3 * times['seconds']:8.1f} ms   time x sgemm rate / FLOP = {times['times_sgemm']:.2f}")
    print(f"by phase / stock = {gain:.2f}")


def matrix_product(constant: np.ndarray) -> onnx.ModelProto:
    """Return a graph that multiplies by a constant matrix."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["input", "constant"], ["output"])],
        "main",
        [helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, constant.shape)],
        [helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, constant.shape)],
        [numpy_helper.from_array(constant, "constant")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def operations(synthesis: nn.Module, channels: int) -> int:
    """Return two operations per multiplication of the convolutions, for one position of the latent."""
    side, count = 4, 0

    def add(layer: nn.Conv2d | nn.ConvTranspose2d, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal count
        positions = (inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output)[0, 0].numel()
        count += 2 * positions * layer.weight.numel()

    hooks = [
        layer.register_forward_hook(add)  # type: ignore[arg-type]
        for layer in synthesis.modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    ]
    with torch.inference_mode():
        synthesis(torch.zeros(1, channels, side, side))
    for hook in hooks:
        hook.remove()
    return count // side**2


if __name__ == "__main__":
    main()
