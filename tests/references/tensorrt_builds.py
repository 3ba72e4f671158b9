"""Builds engines with TensorRT-RTX, which needs no GPU for that: `python tensorrt_builds.py DIRECTORY`.

Reads `builds.json` in the directory: a list of `[file, {input: [least, best, most]}]`, shapes only where a graph leaves
them open. Prints one line of JSON for each: the file, and what TensorRT says against it, or nothing. The process ends
without tidying up: without a driver, that of TensorRT crashes, and so would a `Runtime`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def build(graph: bytes, shapes: dict[str, list[list[int]]]) -> str:
    """Build an engine of types as they are in the graph, with TF32 off; return what failed."""
    import tensorrt_rtx as trt

    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(graph):
        return "; ".join(parser.get_error(number).desc() for number in range(parser.num_errors))
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)
    if shapes:
        profile = builder.create_optimization_profile()
        for name, sizes in shapes.items():
            profile.set_shape(name, *sizes)
        config.add_optimization_profile(profile)
    return "" if builder.build_serialized_network(network, config) is not None else "no engine"


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    for file, shapes in json.loads((directory / "builds.json").read_text()):
        print(json.dumps([file, build((directory / file).read_bytes(), shapes)]), flush=True)
    os._exit(0)
