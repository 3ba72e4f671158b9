"""Picture files: what is read, what is refused and with which words, and that files and metadata survive."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from licrt.runtime.errors import FormatError, PictureError
from licrt.runtime.picture import Picture, read_picture, write_picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RGB = np.random.default_rng(1).integers(0, 256, (6, 9, 3), np.uint8)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def file_of(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def rgb_file(kind: str, **options: object) -> bytes:
    return file_of(Image.fromarray(RGB), kind, **options)


def exif(orientation: int | None = None) -> Image.Exif:
    tags = Image.Exif()
    tags[ExifTags.Base.Make] = "licrt"
    if orientation is not None:
        tags[ExifTags.Base.Orientation] = orientation
    return tags


LOSSLESS = {
    "PNG": {},
    "BMP": {},
    "PPM": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
}


@pytest.mark.parametrize("kind", LOSSLESS)
def test_reads_lossless_formats_exactly(kind: str) -> None:
    picture = read_picture(rgb_file(kind, **LOSSLESS[kind]))
    assert np.array_equal(picture.rgb, RGB)
    assert picture.rgb.dtype == np.uint8
    assert picture.notes == ()


@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
def test_reads_lossy_formats(kind: str) -> None:
    smooth = np.full((16, 24, 3), (200, 100, 50), np.uint8)
    data = file_of(Image.fromarray(smooth), kind)
    assert np.abs(read_picture(data).rgb.astype(int) - smooth).max() <= 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_keeps_rgb_profiles(kind: str) -> None:
    assert read_picture(rgb_file(kind, icc_profile=ICC)).icc == ICC


def test_leaves_out_profiles_of_other_colours() -> None:
    gray = bytearray(ICC)
    gray[16:20] = b"GRAY"
    picture = read_picture(rgb_file("JPEG", icc_profile=bytes(gray)))
    assert picture.icc is None
    assert picture.notes == ("its colour profile is not one for RGB and was left out",)


def upright(orientation: int) -> Callable[[np.ndarray], np.ndarray]:
    return {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a[::-1].swapaxes(0, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: a[:, ::-1].swapaxes(0, 1),
    }[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_turns_upright(kind: str, orientation: int) -> None:
    options = {**LOSSLESS[kind], "exif": exif(orientation)}
    assert np.array_equal(read_picture(rgb_file(kind, **options)).rgb, upright(orientation)(RGB))


@pytest.mark.parametrize("orientation", [None, 0, 1, 3, 6, 9])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_keeps_exif_with_the_orientation_undone(kind: str, orientation: int | None) -> None:
    kept = read_picture(rgb_file(kind, exif=exif(orientation))).exif
    assert kept is not None
    assert kept[:2] in (b"II", b"MM")
    tags = Image.Exif()
    tags.load(kept)
    assert tags[ExifTags.Base.Make] == "licrt"
    assert tags.get(ExifTags.Base.Orientation, 1) == 1


def test_the_eight_orientations_of_one_photograph_agree(shared_data: Path) -> None:
    folder = shared_data / "odd-images" / "exif_orientation"
    for shape in ("Landscape", "Portrait"):
        first = read_picture((folder / f"{shape}_1.jpg").read_bytes()).rgb.astype(int)
        for number in range(9):
            other = read_picture((folder / f"{shape}_{number}.jpg").read_bytes()).rgb
            assert other.shape == first.shape
            assert np.abs(other - first).mean() < 6  # each was compressed on its own; a wrong turn gives more than 60


def test_damaged_exif_is_left_out_with_a_note() -> None:
    picture = read_picture(rgb_file("JPEG", exif=b"Exif\0\0no TIFF structure"))
    assert picture.rgb.shape == RGB.shape
    assert picture.exif is None
    assert picture.notes == ("its EXIF data is damaged and was left out",)


def deep_png() -> bytes:
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    header = (1).to_bytes(4, "big") * 2 + bytes([16, 2, 0, 0, 0])
    pixels = zlib.compress(b"\0" + bytes([1, 2, 3, 4, 5, 6]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def deep_tiff() -> bytes:
    entries = [(256, 3, 1, 1), (257, 3, 1, 1), (258, 3, 3, 122), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 128)]
    entries += [(277, 3, 1, 3), (278, 3, 1, 1), (279, 4, 1, 6)]
    data = b"II*\0\x08\0\0\0" + len(entries).to_bytes(2, "little")
    for tag, kind, count, value in entries:
        data += tag.to_bytes(2, "little") + kind.to_bytes(2, "little") + count.to_bytes(4, "little")
        data += value.to_bytes(4, "little")
    data += bytes(4)
    assert len(data) == 122
    return data + b"\x10\0" * 3 + bytes(6)


def deep_avif() -> bytes:
    """An 8-bit file whose boxes say 10: Pillow cannot write deep ones, and the samples are not reached."""
    data = bytearray(rgb_file("AVIF"))
    box = data.index(b"pixi")
    data[box + 9 : box + 12] = bytes([10, 10, 10])
    data[data.index(b"av1C") + 6] |= 0x40  # high_bitdepth
    return bytes(data)


def animated(kind: str) -> bytes:
    first, second = Image.fromarray(RGB), Image.fromarray(255 - RGB)
    return file_of(first, kind, save_all=True, append_images=[second])


def transparent_colour() -> bytes:
    return rgb_file("PNG", transparency=(1, 2, 3))


OTHER_KINDS = {
    "gray": lambda: file_of(Image.fromarray(RGB).convert("L"), "PNG"),
    "black and white": lambda: file_of(Image.fromarray(RGB).convert("1"), "PNG"),
    "gray with transparency": lambda: file_of(Image.fromarray(RGB).convert("LA"), "PNG"),
    "16-bit gray": lambda: file_of(Image.fromarray(RGB[:, :, 0].astype(np.uint16)), "PNG"),
    "palette": lambda: file_of(Image.fromarray(RGB).convert("P"), "PNG"),
    "RGB with transparency": lambda: file_of(Image.fromarray(RGB).convert("RGBA"), "PNG"),
    "RGB with a transparent colour": transparent_colour,
    "CMYK": lambda: file_of(Image.fromarray(RGB).convert("CMYK"), "JPEG"),
    "floating-point gray": lambda: file_of(Image.fromarray(RGB[:, :, 0].astype(np.float32)), "TIFF"),
    "more than 8 bits per sample": deep_png,
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_kinds_are_refused_by_name(kind: str) -> None:
    with pytest.raises(PictureError, match=rf"another kind \({kind}\): only 8-bit RGB is supported yet\. Convert it"):
        read_picture(OTHER_KINDS[kind]())


@pytest.mark.parametrize("make", [deep_png, deep_tiff, deep_avif, lambda: b"P6 1 1 65535 " + bytes(6)])
def test_samples_of_more_than_8_bits_are_refused(make: Callable[[], bytes]) -> None:
    with pytest.raises(PictureError, match="more than 8 bits per sample"):
        read_picture(make())


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "TIFF", "AVIF"])
def test_animations_and_pages_are_refused(kind: str) -> None:
    with pytest.raises(PictureError, match="animated, or of several pages"):
        read_picture(animated(kind))


def test_of_a_jpeg_with_several_pictures_the_first_is_read() -> None:
    assert read_picture(animated("MPO")).rgb.shape == RGB.shape


def test_formats_off_the_list_are_refused() -> None:
    with pytest.raises(PictureError, match=r"not a picture.* expected one of PNG, JPEG, WEBP, TIFF, "):
        read_picture(rgb_file("GIF"))
    for data in (b"", b"hello", bytes(1000)):
        with pytest.raises(PictureError, match="not a picture"):
            read_picture(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF", "PPM", "BMP"])
def test_truncated_files_are_refused_in_one_line(kind: str) -> None:
    data = file_of(Image.fromarray(np.tile(RGB, (8, 8, 1))), kind)
    for size in range(0, len(data) - len(data) // 8, len(data) // 20):
        with pytest.raises(PictureError) as caught:
            read_picture(data[:size])
        assert caught.value.exit_code == 6


def test_pictures_over_pillows_limit_are_refused() -> None:
    with pytest.raises(PictureError, match=r"over the limit of 178,956,970 pixels"):
        read_picture(b"P6 20000 20000 255 ")


def test_a_lack_of_memory_is_not_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(np.zeros((8, 8, 3), np.uint8))
    data = write_picture(picture, "a.png")

    def lack(*arguments: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "save", lack)
    with pytest.raises(PictureError, match="not enough memory"):
        write_picture(picture, "a.png")
    monkeypatch.setattr("PIL.ImageOps.exif_transpose", lack)
    with pytest.raises(PictureError, match="not enough memory"):
        read_picture(data)


def outcome(path: Path) -> str:
    try:
        read_picture(path.read_bytes())
    except PictureError as error:
        return str(error)
    return "read"


def test_pngsuite_is_read_or_refused_in_words(shared_data: Path) -> None:
    paths = sorted((shared_data / "odd-images" / "pngsuite").glob("*.png"))
    outcomes = {path.stem: outcome(path) for path in paths}
    eight_bit_rgb = {name for name in outcomes if name.endswith("2c08") and name[0] != "x" and name != "tbrn2c08"}
    assert {name for name, text in outcomes.items() if text == "read"} == {*eight_bit_rgb, "PngSuite"}
    for name in ("xc9n2c08", "xcrn0g04", "xd0n2c08", "xhdn0g08"):
        assert "not a picture" in outcomes[name]
    assert "16-bit gray" in outcomes["basn0g16"]
    assert "transparent colour" in outcomes["tbrn2c08"]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".tiff", ".ppm", ".PNG"])
def test_writes_lossless_files(suffix: str) -> None:
    assert np.array_equal(read_picture(write_picture(Picture(RGB), "out" + suffix)).rgb, RGB)


def test_standard_output_gets_png() -> None:
    assert write_picture(Picture(RGB), "-").startswith(b"\x89PNG")


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_writes_metadata(suffix: str) -> None:
    data = write_picture(Picture(RGB, icc=ICC, exif=exif().tobytes()), "out" + suffix)
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == ICC
        assert image.getexif()[ExifTags.Base.Make] == "licrt"


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_writes_alpha(suffix: str) -> None:
    alpha = Image.fromarray(RGB[:, :, 0])
    data = write_picture(Picture(RGB, alpha=file_of(alpha, "PNG")), "out" + suffix)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(np.array(image), np.dstack([RGB, RGB[:, :, 0]]))


@pytest.mark.parametrize(
    "alpha",
    [b"no picture", rgb_file("PNG"), file_of(Image.new("L", (5, 5)), "PNG"), file_of(Image.new("L", (9, 6)), "BMP")],
)
def test_wrong_alpha_is_a_damaged_stream(alpha: bytes) -> None:
    with pytest.raises(FormatError, match="alpha section"):
        write_picture(Picture(RGB, alpha=alpha), "out.png")


def test_refuses_what_cannot_be_written() -> None:
    with pytest.raises(PictureError, match=r"cannot write out\.jpg: expected a name in \.png"):
        write_picture(Picture(RGB), "out.jpg")
    with pytest.raises(PictureError, match="WEBP cannot hold this picture"):
        write_picture(Picture(np.zeros((1, 16384, 3), np.uint8)), "out.webp")
