"""Every graph of every architecture is taken by TensorRT's parser, and built for the sizes that it is run on."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from references import tensorrt_builds
from references.tiny import tiny_model

from licrt.export.float_model import float_model
from licrt.export.graphs import float_graphs, to_onnx
from licrt.export.half import store_exactly
from licrt.export.halo import halo
from licrt.export.rewrites import by_phase
from licrt.export.target import TensorRt, parse_tile
from licrt.runtime.bundle import Bundle, Graph, Sizes
from licrt.runtime.shapes import shapes_of
from licrt.trainer.models import ARCHITECTURES

if TYPE_CHECKING:
    from pathlib import Path

# Plain graphs, and those of the target: all types, one size, and a range of sizes.
TARGETS = {
    "plain": None,
    "fp16": TensorRt("fp16"),
    "bf16": TensorRt("bf16"),
    "fp32": TensorRt("fp32"),
    "tile": TensorRt("fp16", parse_tile("768x1024")),
}
REAL = {"mbt2018-mean": (192, 320), "licrt2026": (96, 384)}  # N and M as in the zoo, and in the embedded model


def exported(arch: str, sizes: tuple[int, int], folder: Path) -> list:
    """Write the graphs for each target; return what to build."""
    model, networks = float_model(tiny_model(arch, *sizes)), {}
    hyper_stride = model.hyper.stride if model.hyper else 0
    for role, (module, channels) in float_graphs(model).items():
        graph = to_onnx(module, channels, 8, "output", role, model.stride if role == "analysis" else 1)
        networks[role] = graph, halo(graph, role, module)
    halos = {role: reach for role, (_, reach) in networks.items() if role != "hyper_analysis"}
    builds, seen = [], set()
    for name, target in TARGETS.items():
        graphs = {}
        for role, (graph, reach) in networks.items():
            file = f"{name}.{role}.onnx"
            if target is None:
                phased = by_phase(graph)
                store_exactly(phased)
                data, graphs[role] = phased.SerializeToString(), Graph(file, reach)
            else:
                made = target.for_model(model.stride, halos).build(graph, role, model.stride, hyper_stride, reach)
                data, limits = made["data"], Sizes(*map(tuple, made["shapes"].values()))
                graphs[role] = Graph(file, reach, None, target.precision, "pixels" in made, limits)
            (folder / file).write_bytes(data)
        bundle = Bundle(
            folder, arch, "", arch, None, "mse", model.stride, model.latent_channels, 0, hyper_stride, 0, 1, 0,
            "onnx" if target is None else "tensorrt", graphs, {},
        )  # fmt: skip
        for role, entry in graphs.items():
            shapes, data = shapes_of(bundle, role), (folder / entry.file).read_bytes()
            if (data, shapes) in seen:  # a hyper-analysis does not depend on the tile
                continue
            seen.add((data, shapes))
            builds.append([entry.file, {} if shapes.least == shapes.most else {"input": list(shapes)}])
    return builds


@pytest.mark.parametrize(
    ("arch", "sizes"),
    [*((arch, (8, 12)) for arch in ARCHITECTURES), *REAL.items()],
    ids=[*ARCHITECTURES, *(f"{arch}-real" for arch in REAL)],
)
def test_every_graph_builds(tensorrt, arch: str, sizes: tuple[int, int], tmp_path: Path) -> None:
    builds = exported(arch, sizes, tmp_path)
    (tmp_path / "builds.json").write_text(json.dumps(builds))
    command = [sys.executable, tensorrt_builds.__file__, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    found = dict(json.loads(line) for line in result.stdout.splitlines() if line.startswith("["))
    assert found == dict.fromkeys((file for file, _ in builds), ""), result.stderr[-2000:]
