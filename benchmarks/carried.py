"""Speed of float-carried integers (docs/float-carried.md) against the native engine, on any device.

    python benchmarks/carried.py [MODEL ...] [--device cpu] [--threads N] [--json]

A model is a name or the directory of a bundle; without any, it is the embedded one and two networks of the shapes of
mbt2018-mean with random weights, N = 128 and M = 192: weights of 8 bits with sums of 32, and of 16 with sums of 64.
Both engines run in this process, in turn in every round, on hyper-latents of pictures of 768 x 512 and 1536 x 1536.
Every number is compared. Reported are medians of the rounds and of the ratios within a round.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from integer_network import integer_network

from licrt.export.carried import carried_graph
from licrt.runtime._native import Network as NativeNetwork
from licrt.runtime.backends import open_backend
from licrt.runtime.bundle import load_bundle
from licrt.runtime.carried_graph import shapes_of
from licrt.runtime.exact import load_exact_half
from licrt.runtime.integer import to_blob
from licrt.runtime.models import find
from licrt.runtime.timing import turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from licrt.runtime.integer import Network

SIZES = {"768 x 512": (8, 12), "1536 x 1536": (24, 24)}  # the latter is the largest tile


def networks(names: Sequence[str]) -> Iterator[tuple[str, Network]]:
    """Yield the hyper-syntheses to measure."""
    for name in names or ("default",):
        hyper = load_exact_half(load_bundle(find(name))).hyper
        if hyper is None:
            raise SystemExit(f"{name} is a factorised model, which has no hyper-synthesis")
        yield name, hyper.network
    if not names:
        random = np.random.default_rng(11)
        yield "mbt2018-mean, 8 bits", integer_network(random, 8)
        yield "mbt2018-mean, 16 bits", integer_network(random, 16)


def measure(name: str, network: Network, device: str, threads: int, rounds: int) -> dict[str, Any]:
    """Time both engines, after comparing them."""
    graph, native = carried_graph(network), NativeNetwork(to_blob(network))
    channels, several = native.input_channels, bool(native.index_channels) and native.rate_points > 1
    backend = open_backend(device, threads)
    session = backend.load(graph, name, shapes_of(channels, chooses=several), exact=True)
    nodes = [node.op_type for node in onnx.load_from_string(graph).graph.node]
    found: dict[str, Any] = {"graph_bytes": len(graph), "nodes": len(nodes), "convolutions": nodes.count("Conv")}
    for size, (rows, columns) in SIZES.items():
        symbols = np.rint(np.random.default_rng(3).laplace(0, 5, (channels, rows, columns))).astype(np.int32)
        whole = native.output_size(rows, columns)
        inputs = [symbols[None].astype(np.float32), *([np.zeros(1, np.int64)] if several else [])]
        if not np.array_equal(session.run(*inputs)[0], np.concatenate(native.run(symbols, *whole, threads))):
            raise SystemExit(f"{name}: the carried numbers are not those of the native engine")

        def run_native(symbols: Any = symbols, whole: Any = whole) -> object:
            return native.run(symbols, *whole, threads)

        def run_carried(inputs: Any = inputs) -> object:
            return session.run(*inputs)

        times = turns({"native": run_native, "carried": run_carried}, rounds)
        found[size] = {
            "native_ms": 1e3 * statistics.median(turn["native"] for turn in times),
            "carried_ms": 1e3 * statistics.median(turn["carried"] for turn in times),
            "ratio": statistics.median(turn["carried"] / turn["native"] for turn in times),
        }
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()

    engine = open_backend(options.device, options.threads).describe()
    found = {
        name: measure(name, network, options.device, options.threads, options.rounds)
        for name, network in networks(options.models)
    }
    if options.json:
        print(json.dumps({"engine": dict(engine), "models": found}))
        return
    print(", ".join(f"{key} {value}" for key, value in engine.items()))
    for name, result in found.items():
        print(f"{name}: {result['graph_bytes'] / 1e6:.1f} MB, {result['convolutions']} convolutions")
        for size in SIZES:
            times = result[size]
            print(
                f"  {size:12} native {times['native_ms']:8.2f} ms, carried {times['carried_ms']:8.2f} ms, "
                f"{times['ratio']:.2f} x"
            )


if __name__ == "__main__":
    main()
