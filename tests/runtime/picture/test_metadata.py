"""Which way is up, and EXIF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin
from references.pictures import ALPHA, LOSSLESS, RGB, RGBA, exif, file_of, pixels, turned
from references.png import SIGNATURE, chunk
from references.tiff import write_tiff

from licrt.runtime.picture import read_picture

if TYPE_CHECKING:
    from pathlib import Path


def loaded(data: bytes | None) -> Image.Exif:
    assert data is not None
    assert data[:2] in (b"II", b"MM")
    tags = Image.Exif()
    tags.load(data)
    return tags


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_turns_colours_and_alpha_upright(kind: str, orientation: int) -> None:
    picture = read_picture(file_of(RGBA, kind, exif=exif(orientation), **LOSSLESS[kind]))
    assert np.array_equal(picture.rgb, turned(RGB, orientation))
    assert picture.rgb.flags.c_contiguous
    assert np.array_equal(pixels(picture.alpha), turned(ALPHA, orientation))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
def test_turns_lossy_formats_upright(kind: str, orientation: int) -> None:
    smooth = np.dstack([np.add.outer(range(0, 160, 10), range(0, 90, 3)).astype(np.uint8)] * 3)
    upright = read_picture(file_of(turned(smooth, 1), kind, exif=exif(orientation), quality=95)).rgb
    assert np.abs(upright.astype(int) - turned(smooth, orientation)).max() < 25


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [1, 3])
def test_turns_tiff_of_16_bits_upright(channels: int, orientation: int) -> None:
    samples = RGB[..., :channels].astype(np.uint16) * 257
    for compressed in (False, True):
        tags = ((274, 3, [orientation]),)
        picture = read_picture(write_tiff(samples, 2 if channels == 3 else 1, compressed=compressed, tags=tags))
        assert np.array_equal(picture.rgb[..., :channels], turned(RGB[..., :channels], orientation))


@pytest.mark.parametrize("orientation", [None, 0, 1, 3, 6, 9])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_keeps_exif_with_the_orientation_undone(kind: str, orientation: int | None) -> None:
    tags = loaded(read_picture(file_of(RGB, kind, exif=exif(orientation))).exif)
    assert tags[ExifTags.Base.Make] == "licrt"
    assert tags.get(ExifTags.Base.Orientation, 1) == 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_keeps_directories_of_exif(kind: str) -> None:
    tags = exif(8)
    tags[ExifTags.IFD.Exif] = {ExifTags.Base.DateTimeOriginal: "2026:01:02 03:04:05"}
    tags[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N"}
    kept = loaded(read_picture(file_of(RGB, kind, exif=tags.tobytes())).exif)
    assert kept.get_ifd(ExifTags.IFD.Exif) == {ExifTags.Base.DateTimeOriginal: "2026:01:02 03:04:05"}
    assert kept.get_ifd(ExifTags.IFD.GPSInfo) == {ExifTags.GPS.GPSLatitudeRef: "N"}
    assert kept.get(ExifTags.Base.Orientation, 1) == 1


def test_what_tiff_says_of_its_layout_is_not_kept() -> None:
    assert read_picture(write_tiff(RGB, 2)).exif is None
    assert set(loaded(read_picture(file_of(RGB, "TIFF", exif=exif())).exif)) == {ExifTags.Base.Make}


def test_exif_after_the_pixels_of_a_png() -> None:
    data = file_of(RGB, "PNG")
    body = exif(6).tobytes().removeprefix(b"Exif\0\0")
    picture = read_picture(data[:-12] + chunk(b"eXIf", body) + data[-12:])
    assert data.startswith(SIGNATURE)
    assert np.array_equal(picture.rgb, turned(RGB, 6))
    assert loaded(picture.exif)[ExifTags.Base.Make] == "licrt"


def test_exif_as_text_and_orientation_in_xmp() -> None:
    """Older ImageMagick writes the one, some editors only the other; Pillow reads both."""
    text = PngImagePlugin.PngInfo()
    body = exif(3).tobytes()
    text.add_text("Raw profile type exif", f"\nexif\n{len(body):8}\n{body.hex()}\n")
    picture = read_picture(file_of(RGB, "PNG", pnginfo=text))
    assert np.array_equal(picture.rgb, turned(RGB, 3))
    assert loaded(picture.exif)[ExifTags.Base.Make] == "licrt"
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="8"/>')
    assert np.array_equal(read_picture(file_of(RGB, "PNG", pnginfo=text)).rgb, turned(RGB, 8))


def test_damaged_exif_is_left_out_with_a_note() -> None:
    for kind in ("JPEG", "WEBP"):
        picture = read_picture(file_of(RGB, kind, exif=b"Exif\0\0no TIFF structure"))
        assert picture.rgb.shape == RGB.shape
        assert picture.exif is None
        assert picture.notes == ("the EXIF data is damaged and was left out",)


def test_the_eight_orientations_of_one_photograph_agree(shared_data: Path) -> None:
    folder = shared_data / "odd-images" / "exif_orientation"
    for shape in ("Landscape", "Portrait"):
        first = read_picture((folder / f"{shape}_1.jpg").read_bytes()).rgb.astype(int)
        for number in range(9):
            other = read_picture((folder / f"{shape}_{number}.jpg").read_bytes()).rgb
            assert other.shape == first.shape
            assert np.abs(other - first).mean() < 6  # each was compressed on its own; a wrong turn gives more than 60
