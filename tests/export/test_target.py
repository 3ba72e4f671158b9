"""Bundles for TensorRT beside plain ones of the same model: same id and integers, other graphs."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.export.bundle import Labels, export_bundle
from licrt.export.precision_cost import emulated
from licrt.export.quantise import Widths
from licrt.export.target import TensorRt, parse_shapes, parse_tile
from licrt.runtime import Codec, shapes, tiling
from licrt.runtime.bundle import Sizes, load_bundle
from licrt.runtime.container import read_stream, write_stream
from licrt.runtime.errors import BackendError, FormatError, ModelError

if TYPE_CHECKING:
    from pathlib import Path

LABELS = Labels("tiny", "mbt2018-mean")
NARROW = Widths(8, 12)
TARGETS = {
    "default": TensorRt(),
    "tile": TensorRt("fp32", parse_tile("96x112")),
    "shape": TensorRt("fp32", parse_shapes("16,96,112")),
    "bf16": TensorRt("bf16"),
}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> dict[str, Path]:
    """One model, exported for every engine and for TensorRT; without checks, which have a test of their own."""
    model, folder = tiny_model("mbt2018-mean"), tmp_path_factory.mktemp("bundles")
    for name, target in {"plain": None, **TARGETS}.items():
        export_bundle(model, LABELS, folder / name, check=False, widths=NARROW, target=target)
    return {name: folder / name for name in ("plain", *TARGETS)}


def manifest(directory: Path) -> dict:
    return json.loads((directory / "manifest.json").read_text())


def test_id_and_integers_are_those_of_the_plain_bundle(bundles) -> None:
    plain = manifest(bundles["plain"])
    assert "target" not in plain
    assert not {"precision", "pixels", "shapes", "trtexec"} & plain["graphs"]["analysis"].keys()
    for name in TARGETS:
        found = manifest(bundles[name])
        assert (found["id"], found["target"]) == (plain["id"], "tensorrt")
        assert found["files"]["entropy.safetensors"] == plain["files"]["entropy.safetensors"]
        assert found["graphs"].pop("hyper_synthesis").keys() == {"file", "halo"}  # it is made for decoders on GPUs
        for role, graph in found["graphs"].items():
            assert {key: graph[key] for key in ("file", "halo", "multiplications")} == plain["graphs"][role]


@pytest.mark.parametrize("name", ["default", "tile", "shape"])
def test_streams_go_both_ways(bundles, name: str) -> None:
    plain, target = (Codec.load(bundles[each], threads=2) for each in ("plain", name))
    pixels = photo(70, 90)
    for first, second in ((plain, target), (target, plain)):
        data, latent = first.encode_with_latents(pixels)
        assert np.array_equal(second.decode_latents(data), latent)
        difference = np.abs(second.decode(data).astype(int) - first.decode(data))
        # The picture is smaller than the fixed tile: what its synthesis sees beyond the rim, two latents, is made up.
        if name == "tile":
            assert difference.max() > 1
            difference = difference[: (5 - 2) * 16, : (6 - 2) * 16]
        assert difference.max() <= 1


def test_a_stream_that_claims_to_be_huge_is_refused_before_it_is_cut(bundles, monkeypatch) -> None:
    codec = Codec.load(bundles["tile"])
    stream = read_stream(codec.encode(photo(20, 20)))
    huge = write_stream(dataclasses.replace(stream, width=500_000_000, height=1))
    monkeypatch.setattr(tiling, "windows", lambda *_: pytest.fail("a million tiles"))
    with pytest.raises(FormatError, match="too short for a picture of its size"):
        codec.decode(huge)


@pytest.mark.parametrize("name", ["tile", "shape"])
@pytest.mark.parametrize("size", [(96, 112), (200, 264), (97, 500)])
def test_pictures_of_at_least_a_tile_come_out_as_if_they_were_not_cut(bundles, name, size, monkeypatch) -> None:
    """Decoding differs by at most one level, encoding in at most 1e-5 of the symbols; hyper-analyses are cut too."""
    plain, target = (Codec.load(bundles[each], threads=2) for each in ("plain", name))
    pixels = photo(*size)
    data, latent = plain.encode_with_latents(pixels)
    assert np.abs(target.decode(data).astype(int) - plain.decode(data)).max() <= 1
    found = target.encode_with_latents(pixels)[1]
    assert (found != latent).mean() <= 1e-5
    monkeypatch.setattr(shapes, "BEST_PIXELS", (16, 16))
    monkeypatch.setattr(shapes, "MOST_LATENTS", 24)
    most, _ = shapes.sizes_of(plain._bundle, "hyper_analysis").most
    assert (most < -(-size[1] // 16)) == (size[1] == 500)
    assert (plain.encode_with_latents(pixels)[1] != latent).mean() <= 1e-5


def test_a_fixed_tile_is_the_only_size_that_a_graph_sees(bundles) -> None:
    codec = Codec.load(bundles["tile"], threads=1)
    seen = set()
    run = codec._transforms.run

    def spy(role, array, shape):
        seen.add((role, array.dtype.name, array.shape, shape))
        return run(role, array, shape)

    codec._transforms.run = spy
    for size in ((1, 1), (40, 300), (200, 250)):
        codec.decode(codec.encode(photo(*size)))
    assert {each for each in seen if each[0] != "hyper_analysis"} == {
        ("analysis", "uint8", (1, 96, 112, 3), (12, 6, 7)),
        ("synthesis", "float32", (1, 12, 6, 7), (96, 112, 3)),
    }


def test_bf16_is_refused_where_nothing_runs_it(bundles) -> None:
    with pytest.raises(BackendError, match=r"in bf16, which onnxruntime cannot run here .* --precision fp16") as caught:
        Codec.load(bundles["bf16"]).encode(photo(20, 20))
    assert caught.value.exit_code == 5
    pixels = photo(64, 64)
    data = Codec.load(bundles["plain"]).encode(pixels)
    decoded = emulated(bundles["bf16"], 2).decode(data)
    assert np.abs(decoded.astype(int) - Codec.load(bundles["plain"]).decode(data)).max() <= 3


def test_what_the_manifest_says_of_graphs(bundles) -> None:
    assert load_bundle(bundles["default"]).target == "tensorrt"
    graphs = load_bundle(bundles["default"]).graphs
    assert {role: (graph.precision, graph.takes_bytes) for role, graph in graphs.items()} == {
        "analysis": ("fp16", True), "hyper_analysis": ("fp16", False), "synthesis": ("fp16", True),
        "hyper_synthesis": ("fp32", False),
    }  # fmt: skip
    assert graphs["analysis"].sizes == Sizes((16, 16), (768, 768), (768, 768))
    assert graphs["synthesis"].sizes == Sizes((1, 1), (48, 48), (48, 48))
    assert graphs["hyper_analysis"].sizes == Sizes((1, 1), (68, 120), (256, 256))
    command = manifest(bundles["shape"])["graphs"]["analysis"]["trtexec"]
    assert command == (
        "trtexec --onnx=analysis.onnx --saveEngine=analysis.engine --stronglyTyped --noTF32 "
        "--minShapes=input:1x16x16x3 --optShapes=input:1x96x96x3 --maxShapes=input:1x112x112x3"
    )
    assert "Shapes" not in manifest(bundles["tile"])["graphs"]["synthesis"]["trtexec"]


def test_the_check_measures_what_precision_costs(tmp_path) -> None:
    lines: list[str] = []
    model = tiny_model("bmshj2018-factorized-relu")
    export_bundle(model, LABELS, tmp_path / "a", part="encoder", target=TensorRt(), say=lines.append)
    measured = manifest(tmp_path / "a")["check"]["precision"]
    assert measured.keys() == {"rate_percent", "encode_db", "decode_db", "largest"}
    assert abs(measured["rate_percent"]) < 0.5
    assert 0 < measured["largest"] <= 2
    assert sum(line.startswith("fp16 against float32: encoding") for line in lines) == 1
    assert [line.partition("trtexec ")[2].split()[0] for line in lines if "trtexec" in line] == ["--onnx=analysis.onnx"]
    assert load_bundle(tmp_path / "a").graphs.keys() == {"analysis"}


def test_a_model_beyond_the_range_of_fp16_is_refused_and_takes_bf16(tmp_path) -> None:
    model = tiny_model("bmshj2018-factorized-relu")
    with torch.no_grad():  # the same function, by way of large numbers
        for network, first in ((model.g_a, 2), (model.g_s, 2)):
            network[first].weight *= 2**18
            network[first].bias *= 2**18
            network[first + 2].weight /= 2**18
    with pytest.raises(ModelError, match=r"fp16.*--precision"):
        export_bundle(model, LABELS, tmp_path / "a", target=TensorRt())
    assert not (tmp_path / "a").exists()
    export_bundle(model, LABELS, tmp_path / "a", target=TensorRt("bf16"))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [("100", "multiples of the model's stride, 16"), ("64", "see 32 pixels around .* at least 80")],
)
def test_impossible_tiles_are_refused(tmp_path, sizes: str, message: str) -> None:
    target = TensorRt("fp16", parse_tile(sizes))
    with pytest.raises(ModelError, match=message):
        export_bundle(tiny_model("mbt2018-mean"), LABELS, tmp_path / "a", check=False, widths=NARROW, target=target)


@pytest.mark.parametrize("halo", [0, 32, 144, 192, 208])
def test_at_least_half_of_a_default_tile_s_side_is_not_halo(halo: int) -> None:
    sizes = TensorRt().for_model(16, {"analysis": halo - halo % 5, "synthesis": halo // 16}).sizes
    assert sizes.least == (16, 16)
    assert sizes.best == sizes.most
    assert sizes.most[0] == (1024 if halo == 208 else 768)


@pytest.mark.parametrize("text", ["", "x", "0", "-16", "16x16x16", "1e3", "99999999"])
def test_sizes_that_are_none_are_refused(text: str) -> None:
    for parse in (parse_tile, lambda text: parse_shapes(f"{text},512,512")):
        with pytest.raises(ValueError, match="expected pixels of a side"):
            parse(text)


@pytest.mark.parametrize("text", ["512", "16,512", "512,256,1024", "16,512,512x256"])
def test_ranges_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected MIN,OPT,MAX"):
        parse_shapes(text)
