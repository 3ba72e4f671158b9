"""Float-carried graphs against the native engine, on ONNX Runtime as this machine has it."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from licrt.runtime._native import Network as NativeNetwork
from licrt.runtime.backends.onnxruntime_cpu import OnnxRuntimeCpu
from licrt.runtime.carried import far_symbols
from licrt.runtime.errors import ModelError
from licrt.runtime.integer import to_blob

if TYPE_CHECKING:
    from licrt.runtime.integer import Network

_LEVELS = ("disabled", "basic", "extended", "all")
_SIZES = ((1, 1), (3, 5))


def check_carried(network: Network, graph: bytes) -> None:
    """Compare a carried graph with the native engine, however ONNX Runtime optimises it, with 1 and 2 threads.

    Args:
        network: what it was made of.
        graph: the graph.

    Raises:
        ModelError: a number differs.
    """
    native, points = NativeNetwork(to_blob(network)), network.rate_points
    several = bool(network.index_channels) and points > 1
    for level, threads in product(_LEVELS, (1, 2)):
        session = OnnxRuntimeCpu(threads, level).load(graph, "the carried hyper-synthesis")
        for (rows, columns), point in product(_SIZES, sorted({0, points - 1})):
            symbols = far_symbols((native.input_channels, rows, columns))
            expected = native.run(symbols, *native.output_size(rows, columns), 1, point)
            chosen = [np.array([point], np.int64)] if several else []
            found = session.run(symbols[None].astype(np.float32), *chosen)
            if not np.array_equal(found[0], np.concatenate(expected)):
                raise ModelError(
                    f"the carried hyper-synthesis differs from the native engine with optimisation {level!r} and "
                    f"{threads} threads. Please report this with the output of lic-run doctor"
                )
