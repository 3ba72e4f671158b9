"""Colours that are not RGB, and profiles: applied, kept, or left out with a note."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from references.pictures import RGB, SRGB, file_of
from references.png import chunk, write_png
from references.tiff import LAB, write_tiff

from licrt.runtime.picture import read_picture

GRAY = np.arange(256, dtype=np.uint8).reshape(16, 16)
FORMULA = "CMYK colours were converted to RGB by a formula, for want of a profile"
LEFT_OUT = "the colour profile is damaged or for other colours, and was left out"


def profile(space: bytes, *tags: tuple[bytes, bytes]) -> bytes:
    """An ICC profile of version 2 (ICC.1:2001-04) for output, with the D50 white point and these tags."""
    bodies = [(b"wtpt", b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)), *tags]
    start = 128 + 4 + 12 * len(bodies)
    table, data = struct.pack(">I", len(bodies)), b""
    for name, body in bodies:
        table += name + struct.pack(">2I", start + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    size = start + len(data)
    connection = b"XYZ " if space == b"GRAY" else b"Lab "
    header = struct.pack(">I4sI", size, b"lcms", 0x02100000) + b"prtr" + space + connection + bytes(12) + b"acsp"
    return header.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061).ljust(60, b"\0") + table + data


def gray_profile(gamma: float) -> bytes:
    return profile(b"GRAY", (b"kTRC", b"curv\0\0\0\0" + struct.pack(">IH", 1, round(256 * gamma)) + bytes(2)))


def cmyk_profile() -> bytes:
    """Colours of made-up inks: lightness falls with each, a and b follow magenta and yellow. A grid of 2^4 points."""
    entries = b"".join(
        bytes([max(0, 255 - 40 * (c + m + y) - 120 * k), 128 + 60 * (m - c) * (1 - k), 128 + 60 * (y - c) * (1 - k)])
        for c in (0, 1)
        for m in (0, 1)
        for y in (0, 1)
        for k in (0, 1)
    )
    straight = bytes(range(256))
    head = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    return profile(b"CMYK", (b"A2B0", head + straight * 4 + entries + straight * 3))


def through(image: Image.Image, icc: bytes) -> np.ndarray:
    """Pillow's own way from a profile to sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert converted is not None
    return np.array(converted)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_rgb_profiles_are_kept(kind: str) -> None:
    picture = read_picture(file_of(RGB, kind, icc_profile=SRGB))
    assert picture.icc == SRGB
    assert picture.notes == ()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_gray_profiles_are_applied(kind: str) -> None:
    icc = gray_profile(1.8)
    picture = read_picture(file_of(GRAY, kind, icc_profile=icc))
    with Image.open(io.BytesIO(file_of(GRAY, kind))) as image:
        gray = image.convert("L")
    linear = (np.array(gray) / 255) ** 1.8
    expected = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.array_equal(picture.rgb, through(gray, icc))
    assert np.abs(picture.rgb - expected[..., None]).max() < 1.6
    assert picture.icc is None
    assert picture.notes == ("the gray profile was applied, giving sRGB",)


def test_gray_profiles_leave_alpha_alone() -> None:
    samples = np.dstack([GRAY, 255 - GRAY])
    compressed = b"gray\0\0" + zlib.compress(gray_profile(1.8))
    picture = read_picture(write_png(samples, 8, 4, chunk(b"iCCP", compressed)))
    assert np.array_equal(picture.rgb, through(Image.fromarray(GRAY), gray_profile(1.8)))
    assert picture.alpha is not None
    with Image.open(io.BytesIO(picture.alpha)) as alpha:
        assert np.array_equal(np.array(alpha), 255 - GRAY)


def test_rgb_profiles_of_gray_pictures_are_kept() -> None:
    picture = read_picture(file_of(GRAY, "JPEG", icc_profile=SRGB))
    assert picture.icc == SRGB
    assert np.array_equal(picture.rgb[..., 0], picture.rgb[..., 2])


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_without_a_profile_is_converted_by_formula(kind: str) -> None:
    data = file_of(Image.fromarray(RGB).convert("CMYK"), kind)
    picture = read_picture(data)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(picture.rgb, np.array(image.convert("RGB")))
    assert picture.notes == (FORMULA,)
    assert np.abs(picture.rgb.astype(int) - RGB).mean() < (40 if kind == "JPEG" else 2)  # not inverted


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_profiles_are_applied(kind: str) -> None:
    icc = cmyk_profile()
    image = Image.fromarray(RGB).convert("CMYK")
    picture = read_picture(file_of(image, kind, icc_profile=icc))
    with Image.open(io.BytesIO(file_of(image, kind))) as again:
        assert np.array_equal(picture.rgb, through(again, icc))
        assert np.abs(picture.rgb.astype(int) - np.array(again.convert("RGB"))).max() > 50  # it makes a difference
    assert picture.icc is None
    assert picture.notes == ("CMYK colours were converted to sRGB by their profile",)


def test_a_jpeg_of_ycck() -> None:
    """What Photoshop writes: inverted CMYK with its first three inks as YCbCr, and an Adobe marker that says so."""
    inks = np.array([200, 30, 120], np.uint8)
    ycc = np.array(Image.fromarray(inks[None, None]).convert("YCbCr"))[0, 0]
    stored = np.tile(np.append(255 - ycc, np.uint8(10)), (16, 16, 1))  # Pillow inverts all four
    data = bytearray(file_of(Image.frombytes("CMYK", (16, 16), stored.tobytes()), "JPEG", quality=95))
    transform = data.index(b"Adobe") + 11
    assert data[transform] == 0
    data[transform] = 2
    expected = (255.0 - inks) * (255 - 10) / 255
    assert np.abs(read_picture(bytes(data)).rgb - expected).max() < 4


def test_cielab_is_converted() -> None:
    lab = np.zeros((1, 4, 3), np.int8)
    lab[0] = [[0, 0, 0], [-1, 0, 0], [-100, 60, 40], [100, 0, -30]]  # lightness 0, 255, 156 and 100 of 255
    picture = read_picture(write_tiff(lab.view(np.uint8), LAB))
    assert picture.notes == ("CIELAB colours were converted to sRGB",)
    assert picture.rgb[0, 0].max() <= 1
    assert picture.rgb[0, 1].min() >= 254
    assert np.array_equal(picture.rgb[0, 2:].argmax(axis=1), [0, 2])  # a > 0 is red, b < 0 is blue
    # CIELAB 61.2, 60, 40 and 39.2, 0, -30 in sRGB, by the formulas of CIE 15 and IEC 61966-2-1 and Bradford's to D65.
    assert np.abs(picture.rgb[0, 2:].astype(int) - srgb_of_lab([[61.18, 60, 40], [39.22, 0, -30]])).max() <= 2


def srgb_of_lab(lab: list[list[float]]) -> np.ndarray:
    lightness, a, b = np.array(lab).T
    y = (lightness + 16) / 116
    f = np.array([y + a / 500, y, y - b / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * np.array([[0.9642], [1], [0.8249]])
    from_d50 = [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
    linear = np.clip(np.array(from_d50) @ xyz, 0, 1)
    return np.rint(255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)).T


@pytest.mark.parametrize("icc", [gray_profile(2.2), cmyk_profile(), b"no profile", bytes(200)])
def test_profiles_of_other_colours_are_left_out(icc: bytes) -> None:
    picture = read_picture(file_of(RGB, "JPEG", icc_profile=icc))
    assert picture.icc is None
    assert picture.notes == (LEFT_OUT,)


def test_damaged_profiles_are_left_out() -> None:
    for icc in (gray_profile(2.2)[:140], cmyk_profile()[:300]):
        space = icc[16:20].decode()
        image = Image.fromarray(GRAY) if space == "GRAY" else Image.fromarray(RGB).convert("CMYK")
        picture = read_picture(file_of(image, "TIFF", icc_profile=icc))
        assert np.array_equal(picture.rgb, np.array(image.convert("RGB")))
        assert picture.icc is None
        assert picture.notes == ((LEFT_OUT,) if space == "GRAY" else (LEFT_OUT, FORMULA))


def test_an_rgb_profile_does_not_fit_cmyk() -> None:
    picture = read_picture(file_of(Image.fromarray(RGB).convert("CMYK"), "TIFF", icc_profile=SRGB))
    assert picture.icc is None
    assert picture.notes == (LEFT_OUT, FORMULA)
