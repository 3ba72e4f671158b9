"""Lossless files with everything that came along, or words for what they cannot hold."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image
from references.pictures import ALPHA, RGB, RGBA, SRGB, exif, file_of, pixels

from licrt.runtime.errors import FormatError, PictureError
from licrt.runtime.picture import Picture, check_writable, left_out, read_picture, write_picture

PHOTOGRAPH = Path(__file__).parents[3] / "examples" / "photo.webp"


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".tiff", ".ppm", ".PNG"])
def test_writes_lossless_files(suffix: str) -> None:
    assert np.array_equal(read_picture(write_picture(Picture(RGB), "out" + suffix)).rgb, RGB)


def test_standard_output_gets_png() -> None:
    assert write_picture(Picture(RGB), "-").startswith(b"\x89PNG")


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_writes_metadata(suffix: str) -> None:
    data = write_picture(Picture(RGB, icc=SRGB, exif=exif().tobytes()), "out" + suffix)
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == SRGB
        assert image.getexif()[ExifTags.Base.Make] == "licrt"


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_writes_alpha(suffix: str) -> None:
    data = write_picture(Picture(RGB, alpha=file_of(ALPHA, "PNG")), "out" + suffix)
    assert np.array_equal(pixels(data), RGBA)


def test_png_files_are_about_as_small_as_pillows_own() -> None:
    with Image.open(PHOTOGRAPH) as image:
        rgb, usual = np.asarray(image.convert("RGB")), io.BytesIO()
    Image.fromarray(rgb).save(usual, "PNG")
    assert len(write_picture(Picture(rgb), "-")) < 1.06 * usual.tell()


def test_what_was_read_is_written() -> None:
    picture = read_picture(file_of(RGBA, "PNG", icc_profile=SRGB, exif=exif()))
    again = read_picture(write_picture(picture, "out.png"))
    assert np.array_equal(again.rgb, picture.rgb)
    assert (again.alpha, again.icc, again.exif) == (picture.alpha, picture.icc, picture.exif)


def test_says_what_ppm_leaves_out() -> None:
    whole = Picture(RGB, icc=SRGB, exif=b"MM", alpha=b"PNG")
    assert left_out(whole, "out.ppm") == "PPM cannot hold transparency and colour profile and EXIF data"
    assert left_out(Picture(RGB, alpha=b"PNG"), "out.PPM") == "PPM cannot hold transparency"
    for name in ("out.png", "out.webp", "out.tif", "-"):
        assert left_out(whole, name) is None
    assert left_out(Picture(RGB), "out.ppm") is None


@pytest.mark.parametrize(
    "alpha",
    [
        b"no picture",
        file_of(RGB, "PNG"),
        file_of(Image.new("L", (5, 5)), "PNG"),
        file_of(ALPHA, "BMP"),
    ],
)
def test_wrong_alpha_is_a_damaged_stream(alpha: bytes) -> None:
    with pytest.raises(FormatError, match="alpha section"):
        write_picture(Picture(RGB, alpha=alpha), "out.png")


def test_refuses_what_cannot_be_written() -> None:
    with pytest.raises(PictureError, match=r"cannot write out\.jpg: expected a name in \.png"):
        write_picture(Picture(RGB), "out.jpg")
    with pytest.raises(PictureError, match="expected a name in"):
        check_writable("png")
    with pytest.raises(PictureError, match="WEBP cannot hold this picture"):
        write_picture(Picture(np.zeros((1, 16384, 3), np.uint8)), "out.webp")


def test_a_lack_of_memory_is_not_a_limit_of_the_format(monkeypatch: pytest.MonkeyPatch) -> None:
    def lack(*arguments: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "save", lack)
    with pytest.raises(PictureError, match="not enough memory"):
        write_picture(Picture(RGB), "a.png")
