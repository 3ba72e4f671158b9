"""`image.save` to streams: every mode, every keyword, and what is left behind by failures."""

from __future__ import annotations

import io
import shutil

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, ImageOps
from references.bundles import SINGLE_RATE
from references.profiles import linear_gray, strange_cmyk
from references.synthetic import write_bundle
from references.tiny_photo import photo

import licrt.pillow
from licrt.runtime import read_info
from licrt.runtime.container import EXIF, ICC, read_stream
from licrt.runtime.errors import BackendError, ModelError, PictureError
from licrt.runtime.models import EMBEDDED
from licrt.runtime.shared import shared_codec

DEEP = {"I", "F", "I;16", "I;16B", "I;16L", "I;16N"}


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.fromarray(photo(50, 70))


def saved(image: Image.Image, **keywords: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "LCI", **keywords)
    return file.getvalue()


def loaded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def distance(one: Image.Image, other: Image.Image) -> float:
    """Root mean square of the differences, in levels."""
    return float(np.sqrt(np.mean((np.asarray(one, float) - np.asarray(other, float)) ** 2)))


def test_files_are_those_of_the_codec(picture, tmp_path) -> None:
    expected = shared_codec().encode(np.asarray(picture))
    picture.save(tmp_path / "a.lci")
    picture.save(str(tmp_path / "b.LCI"))
    with (tmp_path / "c").open("wb") as file:
        picture.save(file, "lci")
    for name in ("a.lci", "b.LCI", "c"):
        assert (tmp_path / name).read_bytes() == expected
    assert saved(picture) == expected


@pytest.mark.parametrize("mode", sorted(set(Image.MODES) - DEEP))
def test_every_mode_of_8_bits_is_written(picture, mode: str) -> None:
    """With the colours and the transparency that Pillow shows."""
    alpha = Image.fromarray(photo(50, 70, 1)[..., 0])
    transparent = picture.copy()
    transparent.putalpha(alpha)
    plain = {"La": "LA", "RGBa": "RGBA"}.get(mode, mode)
    image = (transparent if plain.endswith("A") else picture).convert(plain).convert(mode)
    shown = image.convert(plain).convert("RGBA" if plain.endswith("A") else "RGB")
    data = saved(image)
    assert data == saved(shown, icc_profile=None)
    result = loaded(data)
    assert (result.mode, result.size) == (shown.mode, picture.size)
    if plain in ("LA", "RGBA"):
        assert result.getchannel("A").tobytes() == alpha.tobytes()


@pytest.mark.parametrize("mode", sorted(DEEP))
def test_deeper_modes_are_refused_as_jpeg_refuses_them(mode: str) -> None:
    for format_ in ("JPEG", "LCI"):
        with pytest.raises(OSError, match=f"cannot write mode {mode} as {format_}"):
            Image.new(mode, (8, 8)).save(io.BytesIO(), format_)


def test_transparent_colours_become_alpha(picture) -> None:
    palette = picture.quantize(8)
    first = palette.getpixel((0, 0))
    gray = picture.convert("L")
    for image, colour in ((palette, first), (gray, gray.getpixel((0, 0))), (picture, picture.getpixel((0, 0)))):
        marked = image.copy()
        marked.info["transparency"] = colour
        expected = np.asarray(marked.convert("RGBA"))[..., 3]
        assert expected[0, 0] == 0
        assert expected.max() == 255
        assert np.array_equal(np.asarray(loaded(saved(marked)))[..., 3], expected)


def test_profiles_of_rgb_are_kept_as_png_keeps_them(picture) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = picture.copy()
    image.info["icc_profile"] = srgb
    for keywords, expected in (({}, srgb), ({"icc_profile": None}, None), ({"icc_profile": b""}, None)):
        assert loaded(saved(image, **keywords)).info.get("icc_profile") == expected
        png = io.BytesIO()
        image.save(png, "PNG", **keywords)
        assert Image.open(png).info.get("icc_profile") == expected
    assert loaded(saved(picture, icc_profile=srgb)).info["icc_profile"] == srgb
    assert loaded(saved(picture.convert("L"), icc_profile=srgb)).info["icc_profile"] == srgb


def test_profiles_of_gray_and_cmyk_are_applied() -> None:
    sixteen = (16, 16)
    half_light = round(255 * (1.055 * (128 / 255) ** (1 / 2.4) - 0.055))  # IEC 61966-2-1
    middle = round(255 * (1.055 * ((50 + 16) / 116) ** (3 / 2.4) - 0.055))  # CIE L* = 50
    cases = [
        (Image.new("L", sixteen, 128), linear_gray(), half_light),
        (Image.new("LA", sixteen, (128, 77)), linear_gray(), half_light),
        (Image.new("1", sixteen, 1), linear_gray(), 255),
        (Image.new("CMYK", sixteen, (255, 0, 0, 0)), strange_cmyk(), middle),
        (Image.new("CMYK", sixteen, (0, 255, 255, 0)), strange_cmyk(), middle),
        (Image.new("CMYK", sixteen, (255, 0, 0, 255)), strange_cmyk(), 0),
    ]
    for image, profile, level in cases:
        result = loaded(saved(image, icc_profile=profile))
        assert "icc_profile" not in result.info
        assert np.abs(np.asarray(result.convert("RGB"), float).mean((0, 1)) - level).max() < 6, (image.mode, level)
    assert np.all(np.asarray(loaded(saved(cases[1][0], icc_profile=linear_gray())))[..., 3] == 77)


def test_profiles_that_do_not_belong_to_the_picture_are_refused(picture) -> None:
    for profile in (linear_gray(), strange_cmyk(), b"no profile at all, that is plain"):
        with pytest.raises(PictureError, match=r"cannot write mode RGB as LCI with a colour profile for .*=None"):
            saved(picture, icc_profile=profile)
    converted = Image.new("CMYK", (8, 8))
    converted.info["icc_profile"] = strange_cmyk()
    converted = converted.convert("RGB")
    assert "icc_profile" in converted.info  # Pillow leaves it there; it was not asked for
    assert "icc_profile" not in loaded(saved(converted)).info
    with pytest.raises(PictureError, match="profile of the picture is damaged"):
        saved(picture.convert("CMYK"), icc_profile=strange_cmyk()[:200])


def test_exif_is_written_where_asked_for_as_png_does(picture) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "a description"
    image = picture.copy()
    image.info["exif"] = exif.tobytes()
    assert "exif" not in loaded(saved(image)).info
    png = io.BytesIO()
    image.save(png, "PNG")
    assert "exif" not in Image.open(png).info
    for given in (exif, exif.tobytes(), exif.tobytes().removeprefix(b"Exif\0\0")):
        data = saved(image, exif=given)
        assert loaded(data).getexif()[ExifTags.Base.ImageDescription] == "a description"
        body = read_stream(data).body(EXIF)
        assert body is not None
        assert body.startswith((b"II*\0", b"MM\0*"))
    with pytest.raises(PictureError, match="EXIF data for the picture is damaged"):
        saved(image, exif=b"no TIFF structure")


@pytest.mark.parametrize("orientation", range(10))
def test_pictures_are_turned_as_their_exif_says(picture, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.ImageDescription] = "a description"
    jpeg = io.BytesIO()
    picture.save(jpeg, "PNG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(jpeg))
    result = loaded(saved(picture, exif=exif))
    assert result.getexif().get(ExifTags.Base.Orientation, 1) == 1
    assert result.getexif()[ExifTags.Base.ImageDescription] == "a description"
    assert result.tobytes() == loaded(saved(upright)).tobytes()
    assert ImageOps.exif_transpose(result).size == result.size == upright.size


def test_rates(picture, tmp_path) -> None:
    model = write_bundle(tmp_path / "model", rate_points=3)
    best = saved(picture, model=model, quality=100)
    assert read_info(best).rate_point == 2
    assert saved(picture, model=model, target_size=len(best)) == best
    smaller = saved(picture, model=model, target_bpp=8 * (len(best) - 1) / (picture.width * picture.height))
    assert read_info(smaller).rate_point < 2


def test_failures_leave_what_pillow_leaves(picture, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    failures = [
        ({"model": "none of that name"}, ModelError, "none of that name not found"),
        ({"quality": 80, "model": str(SINGLE_RATE)}, ModelError, "single rate"),
        ({"target_bpp": 0.5, "model": str(SINGLE_RATE)}, ModelError, "single rate"),
        ({"icc_profile": b"RGB ".rjust(20) + bytes(16 << 20)}, PictureError, "over the limit of 16 MiB"),
    ]
    for keywords, error, message in failures:
        with pytest.raises(error, match=message):
            picture.save("a.lci", **keywords)
        assert not list(tmp_path.iterdir())
    with pytest.raises(PictureError, match="expected a uint8 array"):
        Image.new("RGB", (0, 5)).save("a.lci")
    with pytest.raises(FileNotFoundError):
        picture.save("nowhere/a.lci")
    licrt.pillow.register_opener(device="nowhere")
    try:
        with pytest.raises(BackendError, match="nowhere"):
            picture.save("a.lci")
    finally:
        licrt.pillow.register_opener()


def test_models_are_named_as_everywhere(picture, tmp_path) -> None:
    bundle = shutil.copytree(EMBEDDED / "default", tmp_path / "bundle")
    identity = read_info(saved(picture)).model_id
    for model in (bundle, str(bundle), identity.hex(), "licrt2026-mse"):
        assert read_info(saved(picture, model=model)).model_id == identity


def test_one_picture_is_written_as_other_formats_of_one_picture_do(picture, tmp_path) -> None:
    for format_ in ("BMP", "LCI"):
        with pytest.raises(KeyError, match=format_):
            picture.save(io.BytesIO(), format_, save_all=True)
    picture.save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("RGB", picture.size)])
    with Image.open(tmp_path / "a.gif") as animation:
        animation.seek(1)
        assert np.asarray(loaded(saved(animation))).mean() < 4


def test_a_picture_can_replace_its_own_file(picture, tmp_path) -> None:
    path = tmp_path / "a.lci"
    picture.save(path)
    with Image.open(path) as image:
        image.save(path)
    with Image.open(path) as again:
        assert distance(again, picture) < 25


def test_photographs_with_profiles_survive(shared_data) -> None:
    with Image.open(shared_data / "kodak" / "kodim23.png") as original:
        part = original.convert("RGB").crop((200, 100, 456, 356))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(part, icc_profile=srgb)
    assert distance(loaded(data), part) < 255 * 10 ** (-28 / 20)
    assert read_stream(data).body(ICC) == srgb
