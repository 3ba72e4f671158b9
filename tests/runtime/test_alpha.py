"""The alpha section: exact, and never anything else than what was asked for."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from PIL import Image
from references.tiny_photo import photo

from licrt.runtime.alpha import pack_alpha, unpack_alpha
from licrt.runtime.errors import FormatError


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 300), (33, 47)])
def test_it_comes_back(height: int, width: int) -> None:
    for alpha in (photo(height, width)[..., 0], np.full((height, width), 255, np.uint8)):
        assert np.array_equal(unpack_alpha(pack_alpha(alpha), height, width), alpha)
    with Image.open(io.BytesIO(pack_alpha(alpha))) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "L", (width, height))


def encoded(mode: str, size: tuple[int, int], format_: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, format_)
    return file.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        encoded("L", (7, 8)),
        encoded("LA", (8, 7)),
        encoded("RGB", (8, 7)),
        encoded("I;16", (8, 7)),
        encoded("1", (8, 7)),
    ],
)
def test_another_kind_or_size_is_refused(body: bytes) -> None:
    with pytest.raises(FormatError, match="not an 8-bit gray PNG of 8 x 7 pixels"):
        unpack_alpha(body, 7, 8)


def test_other_formats_and_damage_are_refused() -> None:
    whole = pack_alpha(photo(7, 8)[..., 0])
    for body in (b"", encoded("L", (8, 7), "BMP"), encoded("L", (8, 7), "JPEG"), *(whole[:n] for n in range(8, 60, 3))):
        with pytest.raises(FormatError, match="alpha section of the stream is damaged"):
            unpack_alpha(body, 7, 8)


def test_a_size_is_refused_before_any_memory_is_taken() -> None:
    bomb = bytearray(encoded("L", (8, 7)))
    bomb[16:24] = (1 << 30).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    with pytest.raises(FormatError, match="not an 8-bit gray PNG of 8 x 7"):
        unpack_alpha(bytes(bomb), 7, 8)
