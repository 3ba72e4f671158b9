"""TensorRT builds graphs of real size, whose layers run by phase; test_architectures.py has the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from references.tensorrt_targets import expect_builds
from references.tiny import tiny_model

from licrt.export.float_model import float_model
from licrt.export.graphs import float_graphs, to_onnx
from licrt.export.halo import halo

if TYPE_CHECKING:
    from pathlib import Path


# N and M as in the zoo, and in the embedded model.
@pytest.mark.parametrize(("arch", "sizes"), [("mbt2018-mean", (192, 320)), ("licrt2026", (96, 384))])
def test_graphs_of_real_size_build(tensorrt, arch: str, sizes: tuple[int, int], tmp_path: Path) -> None:
    model, networks = float_model(tiny_model(arch, *sizes)), {}
    for role, (module, channels) in float_graphs(model).items():
        graph = to_onnx(module, channels, 8, "output", role, model.stride if role == "analysis" else 1)
        networks[role] = graph, halo(graph, role, module)
    expect_builds(model, networks, tmp_path)
