"""Picture files of every format and kind: the same pixels that Pillow gives, or refused in words."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from references.pictures import ALPHA, LOSSLESS, RGB, RGBA, animated, file_of, pixels, ten_bit_avif
from references.tiff import YCBCR, write_tiff

from licrt.runtime.errors import PictureError
from licrt.runtime.picture import Picture, pixels_of, read_picture

if TYPE_CHECKING:
    from collections.abc import Callable


def same(picture: Picture, rgba: np.ndarray) -> bool:
    """Whether a picture has these colours and this alpha, uint8 `[height, width, 4]`."""
    alpha = np.full(rgba.shape[:2], 255, np.uint8) if picture.alpha is None else pixels(picture.alpha)
    return np.array_equal(picture.rgb, rgba[..., :3]) and np.array_equal(alpha, rgba[..., 3])


@pytest.mark.parametrize("kind", LOSSLESS)
def test_reads_rgb_exactly(kind: str) -> None:
    picture = read_picture(file_of(RGB, kind, **LOSSLESS[kind]))
    assert np.array_equal(picture.rgb, RGB)
    assert picture.rgb.dtype == np.uint8
    assert (picture.icc, picture.exif, picture.alpha, picture.notes) == (None, None, None, ())


@pytest.mark.parametrize("kind", [*LOSSLESS, "JPEG", "GIF"])
def test_the_header_tells_how_many_pixels_there_are(kind: str) -> None:
    data = file_of(RGB, kind)
    assert pixels_of(data) == (0 if kind == "GIF" else 54)  # which is not read
    assert pixels_of(data[:4]) == 0


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_reads_alpha_exactly(kind: str) -> None:
    picture = read_picture(file_of(RGBA, kind, **LOSSLESS[kind]))
    assert same(picture, RGBA)
    assert picture.notes == ()


def test_alpha_that_is_opaque_everywhere_is_none() -> None:
    opaque = np.dstack([RGB, np.full(ALPHA.shape, 255, np.uint8)])
    assert read_picture(file_of(opaque, "PNG")).alpha is None


@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
def test_reads_lossy_formats(kind: str) -> None:
    smooth = np.full((16, 24, 3), (200, 100, 50), np.uint8)
    assert np.abs(read_picture(file_of(smooth, kind)).rgb.astype(int) - smooth).max() <= 4


def modes() -> dict[str, Image.Image]:
    """A picture in each of Pillow's 8-bit modes that files have."""
    rgb, rgba = Image.fromarray(RGB), Image.fromarray(RGBA)
    palette = rgb.quantize(7)
    return {
        **{mode: rgb.convert(mode) for mode in ("1", "L", "RGB", "CMYK", "YCbCr")},
        "LA": rgba.convert("LA"),
        "P": palette,
        "RGBA": rgba,
    }


CASES = [
    *(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
    *(("TIFF", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")),
    *(("JPEG", mode) for mode in ("L", "RGB", "CMYK")),
    *(("WEBP", mode) for mode in ("L", "RGB", "RGBA", "P")),
    *(("AVIF", mode) for mode in ("L", "RGB", "RGBA")),
    *(("BMP", mode) for mode in ("1", "L", "P", "RGB", "RGBA")),
    *(("PPM", mode) for mode in ("1", "L", "RGB")),
]


@pytest.mark.parametrize(("kind", "mode"), CASES)
def test_reads_every_mode_as_pillow_does(kind: str, mode: str) -> None:
    data = file_of(modes()[mode], kind)
    with Image.open(io.BytesIO(data)) as image:
        assert same(read_picture(data), np.array(image.convert("RGBA")))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4"])
def test_reads_every_compression_of_tiff(compression: str) -> None:
    image = Image.fromarray(RGB).convert("1" if compression == "group4" else "RGB")
    data = file_of(image, "TIFF", compression=compression)
    with Image.open(io.BytesIO(data)) as again:
        assert np.array_equal(read_picture(data).rgb, np.array(again.convert("RGB")))


def test_reads_ycbcr_as_pillow_does() -> None:
    """Uncompressed YCbCr with a colour for every pixel: Pillow before 13 cannot."""
    data = write_tiff(RGB, YCBCR, tags=((530, 3, [1, 1]),))
    with Image.open(io.BytesIO(data)) as image:
        if image.mode == "YCbCr":
            assert np.array_equal(read_picture(data).rgb, np.array(image.convert("RGB")))


@pytest.mark.parametrize("opacities", [b"\x00", b"\x10\xff\x00\x80", bytes(range(7))])
def test_palettes_with_transparency(opacities: bytes) -> None:
    data = file_of(modes()["P"], "PNG", transparency=opacities)
    with Image.open(io.BytesIO(data)) as image:
        rgba = np.array(image.convert("RGBA"))
    assert len(np.unique(rgba[..., 3])) > 1
    assert same(read_picture(data), rgba)


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "TIFF", "AVIF", "MPO"])
def test_of_animations_and_pages_the_first_is_read(kind: str) -> None:
    data = animated(kind, **LOSSLESS.get(kind, {}))
    picture = read_picture(data)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(picture.rgb, np.array(image.convert("RGB")))
    assert picture.notes == ("only the first of several pictures was taken",)


def test_the_default_image_of_an_animated_png_is_read() -> None:
    assert np.array_equal(read_picture(animated("PNG", default_image=True)).rgb, RGB)


def test_avif_of_ten_bits() -> None:
    data, samples = ten_bit_avif()
    picture = read_picture(data)
    assert same(picture, np.round(np.round(samples / 65535 * 1023) * 255 / 1023).astype(np.uint8))
    assert picture.notes == ("samples of more than 8 bits were rounded to 8",)


def test_pictures_of_many_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work goes on strip by strip; where one ends must not show."""
    monkeypatch.setattr("licrt.runtime.picture.base._STRIP_PIXELS", 20)
    assert same(read_picture(file_of(RGBA, "PNG")), RGBA)
    samples = (RGBA.astype(np.uint16) * 257)[..., :3]
    assert np.array_equal(read_picture(write_tiff(samples, 2)).rgb, RGB)
    assert np.array_equal(read_picture(file_of(RGB, "PPM")).rgb, RGB)


OTHER_KINDS = {
    "floating-point samples": [
        lambda: file_of(RGB[:, :, 0].astype(np.float32), "TIFF"),
        lambda: b"Pf 1 1 -1.0\n" + struct.pack("<f", 1),
        lambda: b"PF 1 1 -1.0\n" + struct.pack("<3f", 1, 0, 0),
    ],
    "signed or 32-bit samples": [
        lambda: file_of(RGB[:, :, 0].astype(np.int32), "TIFF"),
        lambda: write_tiff(RGB[:, :, :1].astype(np.uint16), 1, sample_format=2),
    ],
    "8-bit LA in separate planes": [lambda: write_tiff(RGB[:, :, :2], 1, extra=(2,), separate=True, compressed=True)],
    "8-bit LAB in separate planes": [lambda: write_tiff(RGB, 8, separate=True)],
    "16-bit CMYK in separate planes": [lambda: write_tiff(RGBA.astype(np.uint16), 5, separate=True)],
    "16-bit RGBA in separate planes": [
        lambda: write_tiff(RGBA.astype(np.uint16), 2, extra=(1,), separate=True),
        lambda: write_tiff(RGBA.astype(np.uint16), 2, extra=(1,), separate=True, compressed=True),
    ],
    "uncompressed YCbCr": [lambda: write_tiff(RGB, YCBCR, tags=((530, 3, [2, 2]),))],
}


@pytest.mark.parametrize(("kind", "make"), [(kind, make) for kind, makes in OTHER_KINDS.items() for make in makes])
def test_other_kinds_are_refused_by_name(kind: str, make: Callable[[], bytes]) -> None:
    with pytest.raises(PictureError, match=rf"\({kind}\) cannot be read\. Convert it first"):
        read_picture(make())


def test_thumbnails_of_raw_files_are_refused() -> None:
    with pytest.raises(PictureError, match="as cameras' raw files do"):
        read_picture(write_tiff(RGB, 2, tags=((254, 4, [1]),)))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF", "PPM", "BMP"])
def test_truncated_files_are_refused_in_one_line(kind: str) -> None:
    data = file_of(np.tile(RGB, (8, 8, 1)), kind)
    for size in range(0, len(data) - len(data) // 8, len(data) // 20):
        with pytest.raises(PictureError) as caught:
            read_picture(data[:size])
        assert caught.value.exit_code == 6


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF", "PPM", "BMP"])
def test_damaged_files_are_read_or_refused(kind: str) -> None:
    """Only PictureError comes out of any bytes."""
    data = file_of(np.tile(RGB, (8, 8, 1)), kind)
    generator = np.random.default_rng(7)
    for _ in range(60):
        damaged = bytearray(data)
        for position in generator.integers(0, min(len(data), 400), 3):
            damaged[position] = generator.integers(256)
        try:
            read_picture(bytes(damaged), 1_000_000)
        except PictureError:
            continue


def test_a_lack_of_memory_is_not_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def lack(*arguments: object, **options: object) -> None:
        raise MemoryError

    for name in ("PIL.Image.Image.getexif", "PIL.PngImagePlugin.PngImageFile._open", "PIL.Image.Image.crop"):
        with monkeypatch.context() as patch:
            patch.setattr(name, lack)
            with pytest.raises(PictureError, match="not enough memory"):
                read_picture(file_of(RGB, "WEBP" if "getexif" in name else "PNG"))
