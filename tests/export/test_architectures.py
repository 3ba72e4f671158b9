"""Every architecture from a random model with natural spread to a stream and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from references.exchange import exchange_file
from references.programs import QEMU, decode
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.export.bundle import Labels, export_bundle
from licrt.export.parts import parts_of
from licrt.runtime import Codec
from licrt.runtime.container import read_info
from licrt.runtime.errors import FormatError, MismatchError
from licrt.trainer.models import ARCHITECTURES

if TYPE_CHECKING:
    from pathlib import Path

SIZES = ((1, 1), (17, 33), (3, 600), (600, 3), (48, 80))


@pytest.fixture(scope="module", params=ARCHITECTURES)
def bundle(request, tmp_path_factory) -> Path:
    """A random model's, exported without the check that photographs take their time for."""
    directory = tmp_path_factory.mktemp("bundle") / request.param
    labels = Labels(request.param, request.param, None, "mse", "none")
    export_bundle(parts_of(tiny_model(request.param)), labels, directory, check=False)
    return directory


@pytest.fixture(scope="module")
def codec(bundle: Path) -> Codec:
    return Codec.load(bundle, threads=2)


@pytest.fixture(params=("photo", "kodak"))
def picture(request) -> np.ndarray:
    """A size that is no multiple of anything, and one that is coded in more than one lane."""
    if request.param == "photo":
        return photo(101, 150)
    kodak = request.getfixturevalue("shared_data") / "kodak" / "kodim23.png"
    return np.asarray(Image.open(kodak).convert("RGB"))[128:384, 256:640]


def qualities(codec: Codec) -> tuple[int | None, ...]:
    return (0, 37, 100) if codec.info.arch.endswith("-vbr") else (None,)


@pytest.mark.parametrize("size", SIZES)
def test_any_size_comes_back(codec: Codec, size: tuple[int, int]) -> None:
    pixels = photo(*size)
    for quality in qualities(codec):
        decoded = codec.decode(codec.encode(pixels, quality=quality))
        assert decoded.shape == pixels.shape
        assert decoded.dtype == np.uint8


def test_every_path_gives_the_same_latents(codec: Codec) -> None:
    for quality in qualities(codec):
        data = codec.encode(photo(200, 264), quality=quality)
        expected = codec.decode_latents(data)
        assert len(np.unique(expected)) > 10, "the test needs spread"
        for path in codec.entropy_paths():
            for threads in (1, 2, 3):
                assert np.array_equal(codec.decode_latents(data, path=path, threads=threads), expected)


def check_programs(
    codec: Codec, bundle: Path, picture: np.ndarray, kernels: list[str], file: Path, *program: str | Path
) -> None:
    """Streams decode in C, from licrt.h alone, to the latents that the encoder had, whatever the kernels."""
    streams = [codec.encode(picture, quality=quality) for quality in qualities(codec)]
    file.write_bytes(exchange_file(bundle, streams))
    expected = [dict.fromkeys(kernels, read_info(data).latent_crc) for data in streams]
    assert decode(file, *program) == expected


def test_c_decodes_the_same_latents(codec, bundle, picture, here, tmp_path) -> None:
    check_programs(codec, bundle, picture, codec.entropy_paths(), tmp_path / "streams", here / "decode")


def test_arm_decodes_the_same_latents(codec, bundle, picture, arm, tmp_path) -> None:
    kernels = ["scalar", "neon", "neondot"]
    check_programs(codec, bundle, picture, kernels, tmp_path / "streams", *QEMU, "max", arm / "decode")


def test_damage_is_found(codec: Codec) -> None:
    """Whatever the checksums of the container miss, the coder or the checksum of the latents finds."""
    data = codec.encode(photo(64, 64))
    rng = np.random.default_rng(1)
    for position in rng.integers(0, len(data), 40):
        damaged = bytearray(data)
        damaged[position] ^= 1 << int(rng.integers(8))
        with pytest.raises((FormatError, MismatchError)):
            codec.decode(bytes(damaged))
