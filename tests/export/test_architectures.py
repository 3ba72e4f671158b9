"""Every architecture from a random model with natural spread to a stream and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from references.architectures import VARIABLE
from references.programs import decode, flatten_to
from references.tensorrt_targets import expect_builds
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.export import float_path
from licrt.export.bundle import Labels, export_bundle
from licrt.export.calibration import to_tensor
from licrt.export.float_model import FloatModel, float_model
from licrt.runtime import Codec
from licrt.runtime.bundle import load_bundle
from licrt.runtime.container import read_info
from licrt.runtime.errors import FormatError, MismatchError
from licrt.trainer.models import ARCHITECTURES

if TYPE_CHECKING:
    from pathlib import Path

SIZES = ((1, 1), (1, 40), (17, 33), (3, 5000), (5000, 3), (65, 63))


class Exported(NamedTuple):
    """A model, its bundle, and what export said."""

    arch: str
    model: FloatModel
    directory: Path
    identity: str
    lines: list[str]
    codec: Codec


@pytest.fixture(scope="module", params=list(ARCHITECTURES))
def exported(request, tmp_path_factory) -> Exported:
    """A bundle of each architecture, checked on photographs as `export-model` does."""
    arch, directory = request.param, tmp_path_factory.mktemp("bundle") / "tiny"
    source, lines = tiny_model(arch), []
    identity = export_bundle(source, Labels("tiny", arch, 3, "mse", "CC0-1.0"), directory, say=lines.append)
    return Exported(arch, float_model(source), directory, identity, lines, Codec.load(directory, threads=2))


def qualities(arch: str) -> tuple[int | None, ...]:
    return (0, 37, 100) if arch in VARIABLE else (None,)


@torch.no_grad()
def test_a_stream_decodes_to_what_the_float_model_gives(exported) -> None:
    assert exported.codec.info.id == exported.identity
    assert exported.codec.info.arch == exported.arch
    pixels = photo(64, 128)
    latent = exported.model.analysis(to_tensor(pixels))
    for quality in qualities(exported.arch):
        y_hat = latent.round()
        if exported.model.hyper:
            y_hat = float_path.code(exported.model, latent, round((quality or 0) / 100 * 63)).y_hat[None]
        expected = exported.model.synthesis(y_hat).clamp(0, 1).mul(255).round()[0].permute(1, 2, 0).numpy()
        decoded = exported.codec.decode(exported.codec.encode(pixels, quality=quality))
        # Residuals may round the other way around a slightly different mean; most pixels must not notice.
        assert np.mean(np.abs(decoded - expected)) < 1


@pytest.mark.parametrize("size", SIZES)
def test_every_size_comes_back_in_its_size(exported, size: tuple[int, int]) -> None:
    pixels = photo(*size)
    for quality in qualities(exported.arch):
        assert exported.codec.decode(exported.codec.encode(pixels, quality=quality)).shape == pixels.shape


def test_every_path_gives_the_same_latents(exported) -> None:
    for quality in qualities(exported.arch):
        data = exported.codec.encode(photo(200, 264), quality=quality)
        expected = exported.codec.decode_latents(data)
        assert len(np.unique(expected)) > 10, "the test needs spread"
        for path in exported.codec.entropy_paths():
            for threads in (1, 2, 3):
                assert np.array_equal(exported.codec.decode_latents(data, path=path, threads=threads), expected)


@pytest.fixture(params=("photo", "kodak"))
def picture(request) -> np.ndarray:
    """A size that is no multiple of anything, and one that is coded in more than one lane."""
    if request.param == "photo":
        return photo(101, 150)
    kodak = request.getfixturevalue("shared_data") / "kodak" / "kodim23.png"
    return np.asarray(Image.open(kodak).convert("RGB"))[128:384, 256:640]


def test_c_decodes_the_same_latents(exported, picture, here, tmp_path) -> None:
    """From licrt.h alone, whatever the kernels."""
    streams, expected = [], []
    for quality in qualities(exported.arch):
        data = exported.codec.encode(picture, quality=quality)
        streams.append(tmp_path / f"{quality}.lci")
        streams[-1].write_bytes(data)
        expected.append(dict.fromkeys(exported.codec.entropy_paths(), read_info(data).latent_crc))
    assert decode(flatten_to(tmp_path / "model.lcm", exported.directory), streams, here / "decode") == expected


def test_tensorrt_builds_every_graph(exported, tensorrt, tmp_path) -> None:
    """For every target, precision and kind of size; so small, no layer runs by phase (test_tensorrt.py)."""
    graphs = load_bundle(exported.directory).graphs
    networks = {role: (onnx.load(exported.directory / graph.file), graph.halo) for role, graph in graphs.items()}
    expect_builds(exported.model, networks, tmp_path)


def test_damage_is_found(exported) -> None:
    """Whatever the checksums of the container miss, the coder or the checksum of the latents finds."""
    data = exported.codec.encode(photo(64, 64))
    rng = np.random.default_rng(1)
    for position in rng.integers(0, len(data), 40):
        damaged = bytearray(data)
        damaged[position] ^= 1 << int(rng.integers(8))
        with pytest.raises((FormatError, MismatchError)):
            exported.codec.decode(bytes(damaged))


def test_the_report_says_what_was_measured(exported) -> None:
    check = json.loads((exported.directory / "manifest.json").read_text())["check"]
    assert check["analysis_error"] < 1e-5
    assert any(line.startswith("synthesis: ONNX Runtime against torch, largest error") for line in exported.lines)
    if exported.model.hyper:
        assert abs(check["rate_percent"]) <= 0.5
        assert any("equal to the numpy reference" in line for line in exported.lines)
