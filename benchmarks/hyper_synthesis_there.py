"""Runs a hyper-synthesis on the machine at hand, in floats by ONNX Runtime and in integers by licrt's core.

    python hyper_synthesis_there.py FOLDER OUTPUT.npz [--level all] [--threads 1]

FOLDER holds what `float_hyper_synthesis.py` wrote, which calls this, here and elsewhere: `float.onnx`, `hyper.npz` with
the symbols and the floats of each picture's hyper-latent, and `integer.bin`, the integer network. OUTPUT gets arrays
`float/NAME` and, in the core's units, `indexes/NAME` and `means/NAME`. Prints the version of ONNX Runtime.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnxruntime

from licrt.runtime import _native

LEVELS = {"disabled": "ORT_DISABLE_ALL", "basic": "ORT_ENABLE_BASIC", "all": "ORT_ENABLE_ALL"}


def main() -> None:
    """Run both networks on every hyper-latent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--level", choices=LEVELS, default="all", help="of ONNX Runtime's optimisations")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, LEVELS[arguments.level])
    options.log_severity_level = 4
    graph = (arguments.folder / "float.onnx").read_bytes()
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    network = _native.Network((arguments.folder / "integer.bin").read_bytes())
    found = {}
    with np.load(arguments.folder / "hyper.npz") as hyper:
        for name in sorted(key.removeprefix("floats/") for key in hyper if key.startswith("floats/")):
            (found[f"float/{name}"],) = session.run(None, {"input": hyper[f"floats/{name}"][None]})[0]
            symbols = hyper[f"symbols/{name}"]
            size = network.output_size(*symbols.shape[1:])
            indexes, means = network.run(symbols, *size, arguments.threads, 0)
            found |= {f"indexes/{name}": indexes, f"means/{name}": means}
    np.savez(arguments.output, **found)
    print(onnxruntime.__version__)


if __name__ == "__main__":
    main()
