"""Alpha as streams carry it."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from PIL import Image
from references.pictures import ALPHA, pixels

from licrt.runtime.errors import FormatError, PictureError
from licrt.runtime.picture import alpha as module
from licrt.runtime.picture.alpha import read_alpha, write_alpha, write_unless_opaque


def test_round_trip() -> None:
    data = write_alpha(ALPHA)
    assert np.array_equal(pixels(data), ALPHA)
    assert np.array_equal(np.array(read_alpha(data, (9, 6))), ALPHA)


def encoded(mode: str, size: tuple[int, int], format_: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, format_)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mode", "size"), [("L", (7, 8)), ("LA", (8, 7)), ("RGB", (8, 7)), ("I;16", (8, 7)), ("1", (8, 7))]
)
def test_another_kind_or_size_is_refused(mode: str, size: tuple[int, int]) -> None:
    with pytest.raises(FormatError, match="not an 8-bit gray PNG of 8 x 7 pixels"):
        read_alpha(encoded(mode, size), (8, 7))


def test_other_formats_and_damage_are_refused() -> None:
    whole = write_alpha(ALPHA)
    for body in (b"", encoded("L", (9, 6), "BMP"), encoded("L", (9, 6), "JPEG"), *(whole[:n] for n in range(8, 60, 3))):
        with pytest.raises(FormatError, match="alpha section of the stream is damaged"):
            read_alpha(body, (9, 6))


def test_a_size_is_refused_before_any_memory_is_taken() -> None:
    bomb = bytearray(encoded("L", (8, 7)))
    bomb[16:24] = (1 << 30).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    with pytest.raises(FormatError, match=r"alpha section.*damaged.*over the limit"):
        read_alpha(bytes(bomb), (8, 7))


def test_opaque_needs_no_words() -> None:
    opaque = np.full((3, 4), 255, np.uint8)
    assert write_unless_opaque(opaque) is None
    opaque[2, 3] = 254
    assert write_unless_opaque(opaque) == write_alpha(opaque)


def test_over_the_limit_of_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_METADATA_BYTES", 50)
    with pytest.raises(PictureError, match="over the limit of 0 MiB; flatten the picture or scale it down"):
        write_alpha(ALPHA)


def test_a_large_alpha_passes_pillows_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_alpha(ALPHA)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    assert np.array_equal(np.array(read_alpha(data, (9, 6))), ALPHA)
