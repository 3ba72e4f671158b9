"""Every architecture from a random model with natural spread to a stream and back."""

from __future__ import annotations

import numpy as np
import pytest
from references.tiny import tiny_model
from references.tiny_photo import photo

from licrt.export.bundle import Labels, export_bundle
from licrt.export.parts import parts_of
from licrt.runtime import Codec
from licrt.runtime.errors import FormatError, MismatchError
from licrt.trainer.models import ARCHITECTURES

SIZES = ((1, 1), (17, 33), (3, 600), (600, 3), (48, 80))


@pytest.fixture(scope="module", params=ARCHITECTURES)
def codec(request, tmp_path_factory) -> Codec:
    """A bundle of a random model, without the check that photographs take their time for."""
    directory = tmp_path_factory.mktemp("bundle") / request.param
    labels = Labels(request.param, request.param, None, "mse", "none")
    export_bundle(parts_of(tiny_model(request.param)), labels, directory, check=False)
    return Codec.load(directory, threads=2)


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


def test_damage_is_found(codec: Codec) -> None:
    """Whatever the checksums of the container miss, the coder or the checksum of the latents finds."""
    data = codec.encode(photo(64, 64))
    rng = np.random.default_rng(1)
    for position in rng.integers(0, len(data), 40):
        damaged = bytearray(data)
        damaged[position] ^= 1 << int(rng.integers(8))
        with pytest.raises((FormatError, MismatchError)):
            codec.decode(bytes(damaged))
