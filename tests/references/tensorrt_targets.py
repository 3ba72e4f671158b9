"""Graphs of a model for every target, and whether TensorRT builds them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from references import tensorrt_builds

from licrt.export.half import store_exactly
from licrt.export.rewrites import by_phase
from licrt.export.target import TensorRt, parse_tile
from licrt.runtime.bundle import Bundle, Graph, Sizes
from licrt.runtime.shapes import shapes_of

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

    from licrt.export.float_model import FloatModel

# Plain graphs, and those of the target: all types, one size, and a range of sizes.
TARGETS = {
    "plain": None,
    "fp16": TensorRt("fp16"),
    "bf16": TensorRt("bf16"),
    "fp32": TensorRt("fp32"),
    "tile": TensorRt("fp16", parse_tile("768x1024")),
}


def expect_builds(model: FloatModel, networks: dict[str, tuple[onnx.ModelProto, int]], folder: Path) -> None:
    """Write the graphs for each target, from float graphs and halos by role, and expect an engine of each.

    Plain ones are built with the sizes that the runtime gives them.
    """
    builds, seen, hyper_stride = [], set(), model.hyper.stride if model.hyper else 0
    halos = {role: reach for role, (_, reach) in networks.items() if role != "hyper_analysis"}
    for name, target in TARGETS.items():
        graphs, data = {}, {}
        for role, (graph, reach) in networks.items():
            file = f"{name}.{role}.onnx"
            if target is None:
                phased = by_phase(graph)
                store_exactly(phased)
                data[role], graphs[role] = phased.SerializeToString(), Graph(file, reach)
            else:
                made = target.for_model(model.stride, halos).build(graph, role, model.stride, hyper_stride, reach)
                sizes = Sizes(*map(tuple, made["shapes"].values()))
                data[role] = made["data"]
                graphs[role] = Graph(file, reach, None, target.precision, "pixels" in made, sizes)
        bundle = Bundle(
            folder, name, "", name, None, "mse", model.stride, model.latent_channels, 0, hyper_stride, 0, 1, 0,
            graphs, {},
        )  # fmt: skip
        for role, entry in graphs.items():
            shapes = shapes_of(bundle, role)
            if (data[role], shapes) not in seen:  # a hyper-analysis does not depend on the tile
                seen.add((data[role], shapes))
                (folder / entry.file).write_bytes(data[role])
                builds.append([entry.file, {} if shapes.least == shapes.most else {"input": list(shapes)}])
    (folder / "builds.json").write_text(json.dumps(builds))
    command = [sys.executable, tensorrt_builds.__file__, str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    found = dict(json.loads(line) for line in result.stdout.splitlines() if line.startswith("["))
    assert len(builds) >= 2 * len(TARGETS)
    assert found == dict.fromkeys((file for file, _ in builds), ""), result.stderr[-2000:]
