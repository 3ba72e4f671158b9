"""Conversion inside graphs is what the runtime does outside of them, in every pixel."""

from __future__ import annotations

import numpy as np
import onnx
from onnx.parser import parse_model
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.export.float_model import float_model
from licrt.export.graphs import float_graphs, to_onnx
from licrt.export.pictures import fix_size, gives_bytes, takes_bytes
from licrt.runtime.backends import open_backend
from licrt.runtime.pixels import from_planes, to_planes

IDENTITY = """<ir_version: 9, opset_import: ["": 18]>
    main (float[1, 3, height, width] input) => (float[1, 3, height, width] picture) { picture = Identity(input) }"""


def run(model: onnx.ModelProto, array: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    return open_backend("cpu", 2).load(model.SerializeToString(), "graph").run(array)


def test_every_level_is_divided_as_the_runtime_divides() -> None:
    model = parse_model(IDENTITY)
    takes_bytes(model)
    rgb = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(run(model, rgb[None]), to_planes(rgb, (0, 16), (0, 16)))


def test_rounding_and_clipping_are_the_runtime_s() -> None:
    """Values around every tie, where round-half-even and float32 products decide, and beyond both ends."""
    model = parse_model(IDENTITY)
    gives_bytes(model)
    ties = (np.arange(-3, 260) + 0.5).astype(np.float32) / np.float32(255)
    values = np.concatenate([ties, np.nextafter(ties, np.float32(9)), np.nextafter(ties, np.float32(-9))])
    values = np.concatenate([values, np.float32([-1e30, 1e30, np.inf, -np.inf, 0.0])])
    planes = np.ascontiguousarray(np.broadcast_to(values, (1, 3, 2, values.size)))
    expected = np.empty((2, values.size, 3), np.uint8)
    from_planes(planes, expected)
    assert len(np.unique(expected)) == 256
    assert np.array_equal(run(model, planes)[0], expected)


def test_whole_networks_give_the_same_with_either_edges() -> None:
    graphs = float_graphs(float_model(tiny_model("bls2017")))
    (module, _), rgb = graphs["analysis"], photo(48, 80)
    plain = to_onnx(module, 3, 8, "latent", unit=16)
    latent = run(plain, to_planes(rgb, (0, 48), (0, 80)))
    edged = onnx.ModelProto()
    edged.CopyFrom(plain)
    takes_bytes(edged)
    assert np.array_equal(run(edged, rgb[None]), latent)
    module, channels = graphs["synthesis"]
    plain = to_onnx(module, channels, 16, "picture")
    expected = np.empty((48, 80, 3), np.uint8)
    from_planes(run(plain, latent.round()), expected)
    edged = onnx.ModelProto()
    edged.CopyFrom(plain)
    gives_bytes(edged)
    assert np.array_equal(run(edged, latent.round())[0], expected)
    fix_size(edged, 3, 5, first=2)
    edges = (edged.graph.input[0], edged.graph.output[0])
    dims = [[dim.dim_value for dim in item.type.tensor_type.shape.dim] for item in edges]
    assert dims == [[1, channels, 3, 5], [1, 48, 80, 3]]
    assert np.array_equal(run(edged, latent.round())[0], expected)
