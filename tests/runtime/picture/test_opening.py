"""What is taken for a picture, and how large it may be."""

from __future__ import annotations

import resource
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from references.pictures import LOSSLESS, RGB, file_of
from references.png import SIGNATURE, chunk
from references.tiff import write_tiff

from licrt.runtime.container import MAGIC
from licrt.runtime.errors import PictureError
from licrt.runtime.picture import read_picture


def test_formats_off_the_list_are_refused() -> None:
    expected = r"expected one of PNG, JPEG, WEBP, TIFF, .*BMP, PPM"
    for data in (file_of(RGB, "GIF"), file_of(RGB, "JPEG2000"), b"hello", bytes(1000)):
        with pytest.raises(PictureError, match=f"not a picture, or damaged at its start; {expected}"):
            read_picture(data)
    with pytest.raises(PictureError, match=f"an empty file; {expected}"):
        read_picture(b"")


def test_streams_are_called_by_their_name() -> None:
    with pytest.raises(PictureError, match=r"this is a licrt stream already, not a picture\. Run: lic-run decode"):
        read_picture(MAGIC + bytes(100))


def test_damaged_headers_name_the_format() -> None:
    with pytest.raises(PictureError, match=r"this PNG file cannot be read \(.*\); it is damaged, or of a kind"):
        read_picture(SIGNATURE + chunk(b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 1, 3, 3, 0, 0, 0])) + chunk(b"IDAT", b""))


@pytest.mark.parametrize("kind", [*LOSSLESS, "JPEG", "AVIF"])
def test_larger_pictures_are_refused_by_their_header(kind: str) -> None:
    data = file_of(RGB, kind)
    assert read_picture(data, 54).rgb.shape == RGB.shape
    with pytest.raises(PictureError, match=r"9 x 6 pixels are over the limit of 53 pixels"):
        read_picture(data, 53)


def lower_pillows_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow refuses twice the number; strips, which it is asked for, are always far smaller than that."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    monkeypatch.setattr("licrt.runtime.picture.base._STRIP_PIXELS", 18)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF", "JPEG", "AVIF"])
def test_pillows_own_limit_does_not_count(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = file_of(np.dstack([RGB, RGB[..., 0]]) if kind in ("PNG", "TIFF") else RGB, kind)
    expected = read_picture(data)
    lower_pillows_limit(monkeypatch)
    found = read_picture(data)
    assert np.array_equal(found.rgb, expected.rgb)
    assert found.alpha == expected.alpha


def test_compressed_and_deep_tiff_pass_pillows_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    lower_pillows_limit(monkeypatch)
    samples = RGB.astype(np.uint16) * 257
    for compressed in (False, True):
        for separate in (False, True):
            data = write_tiff(samples, 2, compressed=compressed, separate=separate, tags=((274, 3, [6]),))
            assert np.array_equal(read_picture(data).rgb, RGB[::-1].swapaxes(0, 1))


def test_the_limit_of_webp_is_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    data = file_of(RGB, "WEBP")
    lower_pillows_limit(monkeypatch)
    try:
        read_picture(data)  # Pillow before 13 does not look
    except PictureError as error:
        assert str(error).startswith("WEBP pictures are read up to 40 pixels, and this one has more")


BOMBS = {
    "PNG": SIGNATURE
    + chunk(b"IHDR", (20_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0]))
    + chunk(b"IDAT", b"\x78\xda\xed\xc1\x01"),
    "PPM": b"P6 20000 20000 255 ",
    "TIFF": write_tiff(RGB, 2)
    .replace(b"\x00\x01\x04\x00\x01\x00\x00\x00\x09\x00", b"\x00\x01\x04\x00\x01\x00\x00\x00\x20\x4e", 1)
    .replace(b"\x01\x01\x04\x00\x01\x00\x00\x00\x06\x00", b"\x01\x01\x04\x00\x01\x00\x00\x00\x20\x4e", 1),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_large_header_with_little_behind_it_takes_no_memory(kind: str) -> None:
    """400 million pixels are within the limit, but they are not there."""
    code = """
import resource, sys
from licrt.runtime.errors import PictureError
from licrt.runtime.picture import read_picture
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_picture(sys.stdin.buffer.read())
except PictureError as error:
    print(error, file=sys.stderr)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], input=BOMBS[kind], capture_output=True, check=True)
    assert b"cut short" in done.stderr
    assert int(done.stdout) < 200_000, resource.RUSAGE_SELF  # KiB; the pixels would take 1.2 GB
