"""PBM, PGM, PPM and PAM: as Pillow reads what it can, exactly rounded, and nothing else."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from PIL import Image
from references.pictures import RGB, RGBA, pixels

from licrt.runtime.errors import PictureError
from licrt.runtime.picture import read_picture


def as_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"))


def text(values: np.ndarray) -> bytes:
    return b"\n".join(b" ".join(b"%d" % value for value in row.ravel()) for row in values)


@pytest.mark.parametrize(
    "data",
    [
        b"P1\n3 2\n1 0 1\n0 1 1\n",
        b"P1 3 2 101011",
        b"P4 11 2 " + bytes([0b10110011, 0b01000000, 0b00001111, 0b11100000]),
        b"P2 3 2 255\n" + text(RGB[:2, :3, 0]),
        b"P2 3 2 15 # fifteen\n0 7 # seven\n15 1 2 3",
        b"P5 9 6 255\n" + RGB[:, :, 0].tobytes(),
        b"P5 9 6 31\n" + (RGB[:, :, 0] >> 3).tobytes(),
        b"P3 # colours\n# of\n9 6 255\n" + text(RGB),
        b"P6\n# made by hand\n9\t6\r255\n" + RGB.tobytes(),
        b"P6 9 6 31 " + (RGB >> 3).tobytes(),
        b"P6 9 6 1023 " + (RGB.astype(">u2") * 4).tobytes(),
        b"P6 9 6 65535 " + (RGB.astype(">u2") * 256 + 99).tobytes(),
    ],
    ids=lambda data: str(data[:14]),
)
def test_reads_what_pillow_reads(data: bytes) -> None:
    assert np.array_equal(read_picture(data).rgb, as_pillow(data))


@pytest.mark.parametrize("maximum", [1, 7, 31, 254, 255, 256, 1023, 4095, 65535])
def test_samples_are_rounded(maximum: int) -> None:
    values = np.arange(maximum + 1)
    data = b"P5 %d 1 %d\n" % (maximum + 1, maximum) + values.astype(">u2" if maximum > 255 else "u1").tobytes()
    picture = read_picture(data)
    assert np.array_equal(picture.rgb[0, :, 1], np.floor(values * 255 / maximum + 0.5))
    assert bool(picture.notes) == (maximum > 255)


def pam(values: np.ndarray, maximum: int, *lines: bytes) -> bytes:
    height, width, depth = values.shape
    fields = b"WIDTH %d\nHEIGHT %d\nDEPTH %d\nMAXVAL %d\n" % (width, height, depth, maximum)
    body = values.astype(">u2" if maximum > 255 else "u1").tobytes()
    return b"P7\n# a comment\n" + fields + b"".join(lines) + b"ENDHDR\n" + body


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("maximum", [255, 65535])
def test_pam_has_alpha(depth: int, maximum: int) -> None:
    values = RGBA[..., -depth:]
    scale = (maximum + 1) // 256 + (maximum > 255)
    picture = read_picture(pam(values.astype(int) * scale, maximum, b"TUPLTYPE ANYTHING\n"))
    assert np.array_equal(picture.rgb, np.broadcast_to(values[..., : 3 if depth > 2 else 1], RGB.shape))
    assert (picture.alpha is None) == (depth % 2 == 1)
    if picture.alpha:
        assert np.array_equal(pixels(picture.alpha), values[..., -1])


def test_of_several_pictures_the_first_is_read() -> None:
    one = b"P6 9 6 255\n" + RGB.tobytes()
    picture = read_picture(one + one)
    assert np.array_equal(picture.rgb, RGB)
    assert picture.notes == ("only the first of several pictures was taken",)
    assert read_picture(one + b"\n").notes == ()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"P6 9 6 255\n" + RGB.tobytes()[:-1], "cut short: 172 bytes of 173 are there"),
        (b"P4 9 6\n" + bytes(11), "cut short"),
        (b"P3 2 1 255 1 2 3 4 5", "cut short"),
        (b"P3 2 1 255 1 2 3 4 5 x", "damaged"),
        (b"P3 2 1 255 1 2 3 4 5 -6", "damaged"),
        (b"P3 2 1 255 1 2 3 4 5 256", "damaged"),
        (b"P3 2 1 255 1 2 3 4 1e9 5", "damaged"),
        (b"P3 2 1 255 1 2 3 4 5 \xff\xfe\xfd", "damaged"),
        (b"P1 2 2 1 0 1", "damaged"),
        (b"P1 2 2 1 0 1 2", "damaged"),
        (b"P6 9", "number 2 of its header is missing"),
        (b"P6 0 6 255 ", "damaged"),
        (b"P6 9 6 0 ", "damaged"),
        (b"P6 9 6 65536 ", "damaged"),
        (b"P6 -9 6 255 ", "header is missing"),
        (b"P6 99999999999 6 255 ", "header is missing"),
        (b"P6 9999999999 6 255 ", "over the limit"),
        (b"P6 30000 30000 255 ", "over the limit of 500,000,000 pixels"),
        (b"P7 332\n", "PAM header"),
        (b"P7\nWIDTH 3\nHEIGHT 2\nDEPTH 3\nENDHDR\n", "PAM header"),
        (b"P7\nWIDTH 3\nHEIGHT 2\nDEPTH 3\nMAXVAL 255\n", "PAM header"),
        (pam(np.zeros((1, 1, 5)), 255), "5 samples per pixel"),
        (b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 99999999999999\nMAXVAL 255\nENDHDR\n", "samples per pixel"),
        (b"P6 " + b"#" * 200_000, "header is missing"),
        (b"P6 " + b"#\n" * 200_000, "header is missing"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_damaged_files_are_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(PictureError, match=words):
        read_picture(data)


def test_deep_pictures_take_no_longer_than_others() -> None:
    """Pillow would take four seconds for these two megapixels."""
    data = b"P6 2000 1000 65535 " + bytes(12_000_000)
    begin = time.perf_counter()
    read_picture(data)
    assert time.perf_counter() - begin < 2
