"""64-bit ARM with ONNX Runtime, emulated: it decodes the conformance streams, and photographs cross both ways."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from references.programs import decode, flatten_to, qemu

from conformance.compare import differences, refused_differences
from conformance.lanes import Lane, aarch64
from conformance.observe import MODELS, STREAMS, Options, observe
from licrt.runtime import Codec, read_info

if TYPE_CHECKING:
    from references.userland import Userland

ROOT = Path(__file__).resolve().parents[2]
LATENTS_OF = ROOT / "tests" / "distribution" / "latents_of.py"
KODAK = ROOT.parent / "shared" / "data" / "kodak"
# Photographs and parts of them: small, because emulated floats are slow; no multiples of 16. Without the data folder,
# parts of the repository's photograph that the small embedded model codes as well.
KODAK_CROPS = [(KODAK / "kodim03.png", (301, 153, 430, 250)), (KODAK / "kodim19.png", (20, 270, 133, 367))]
OWN_CROPS = [(ROOT / "examples" / "photo.webp", box) for box in ((202, 125, 331, 222), (20, 110, 133, 207))]
CROPS = KODAK_CROPS if KODAK.exists() else OWN_CROPS
LIC_RUN = ("python3", "-m", "licrt.runtime")


# The slowest kernels and the fastest; `make conformance` runs all.
@pytest.mark.parametrize("lane", [aarch64.LANES[0], aarch64.LANES[-1]], ids=lambda lane: lane.name)
def test_conformance_streams_decode_there(lane: Lane, emulated: Userland, tmp_path: Path) -> None:
    observation = lane.decode(tmp_path, [STREAMS])
    assert list(differences(STREAMS, observation["streams"]["streams"])) == []
    assert list(refused_differences(observation["refused"])) == []
    environment = observation["environment"]
    assert (environment["machine"], environment["onnxruntime"]) == ("aarch64", "1.24.4")
    assert f"aarch64 {environment['kernels']} {environment['threads']}-" in lane.name


def test_what_is_encoded_there_decodes_here(emulated: Userland, tmp_path: Path) -> None:
    (encoder,) = (lane for lane in aarch64.LANES if lane.encode)
    encoder.encode(tmp_path, tmp_path / "there")
    observation = observe(Options(None, 2, "all"), [tmp_path / "there"])
    assert list(differences(tmp_path / "there", observation["streams"]["there"])) == []
    assert len(observation["streams"]["there"]) > 50


@pytest.mark.parametrize("arch", sorted(path.name for path in MODELS.iterdir()))
def test_c_decodes_them_with_every_set_of_kernels(arch: str, arm: Path, tmp_path: Path) -> None:
    streams = sorted((STREAMS / arch).glob("*.lci"))
    expected = [
        dict.fromkeys(("scalar", "neon", "neondot"), read_info(each.read_bytes()).latent_crc) for each in streams
    ]
    flat = flatten_to(tmp_path / "model.lcm", MODELS / arch)
    assert decode(flat, streams, *qemu("aarch64"), arm / "decode") == expected


def test_machines_at_work_do_not_disturb_each_other(emulated: Userland) -> None:
    program = "import sys; print('here', flush=True); sys.stdin.read(); import licrt.runtime.cli"
    command = [*emulated.words(), "python3", "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout.readline() == b"here\n"
        emulated.run("python3", "-c", "pass")
        first.communicate()
    assert first.returncode == 0


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec.load("default", threads=2)


@pytest.fixture(scope="module")
def streams(emulated: Userland, codec: Codec, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two crops, each encoded here and there."""
    folder = tmp_path_factory.mktemp("photographs")
    here, there = [], []
    for number, (photo, box) in enumerate(CROPS):
        crop = folder / f"{number}.png"
        with Image.open(photo) as image:
            image.convert("RGB").crop(box).save(crop)
        here.append(folder / f"{number}-here.lci")
        here[-1].write_bytes(codec.encode(pixels(crop).astype(np.uint8)))
        there.append(folder / f"{number}.lci")
    emulated.run(*LIC_RUN, "encode", *(stream.with_suffix(".png") for stream in there), "--out-dir", folder, "--quiet")
    return here + there


def test_latents_are_the_same_on_both_machines(emulated: Userland, codec: Codec, streams: list[Path]) -> None:
    found = json.loads(emulated.run("python3", LATENTS_OF, *streams))
    assert found["versions"]["onnxruntime"] == "1.24.4"
    for stream in streams:
        latents = codec.decode_latents(stream.read_bytes())
        assert len(np.unique(latents)) > 20
        assert found["streams"][stream.name]["sha256"] == hashlib.sha256(latents.astype("<i4").tobytes()).hexdigest()


def test_every_set_of_kernels_gives_them(emulated: Userland, streams: list[Path]) -> None:
    for stream in streams[1:3]:
        printed = emulated.run(*LIC_RUN, "verify", stream, "-j", "2")
        assert [line.split(" thread")[0] for line in printed.splitlines()[1:-1]] == [
            f"{kernels}, {threads}" for kernels in ("scalar", "neon", "neondot") for threads in (1, 2)
        ]
        assert printed.endswith("all 6 paths agree\n")


def test_pixels_are_one_level_apart_at_most(emulated: Userland, codec: Codec, streams: list[Path], tmp_path) -> None:
    emulated.run(*LIC_RUN, "decode", *streams, "--out-dir", tmp_path, "--quiet")
    for stream in streams:
        decoded = pixels(tmp_path / f"{stream.stem}.png")
        assert np.abs(decoded - codec.decode(stream.read_bytes())).max() <= 1
        original = pixels(stream.parent / f"{stream.stem.removesuffix('-here')}.png")
        assert np.mean((decoded - original) ** 2) < 100


def pixels(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"), np.int16)
