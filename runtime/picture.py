"""Picture files to 8-bit RGB arrays and back: bytes in, bytes out. Only this module imports Pillow."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from licrt.runtime.errors import FormatError, LicrtError, PictureError, enough_memory

Rgb = npt.NDArray[np.uint8]

_PLUGINS = ("Png", "Jpeg", "WebP", "Tiff", "Avif", "Ppm", "Bmp")
# PNG level 4 takes 40 % of the time of the usual 6, for 4 % more bytes.
_WRITERS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {"compress_level": 4}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".ppm": ("PPM", {}),
}
_MODES = {
    "1": "black and white",
    "L": "gray",
    "LA": "gray with transparency",
    "I;16": "16-bit gray",
    "I": "32-bit gray",
    "F": "floating-point gray",
    "P": "palette",
    "PA": "palette with transparency",
    "RGBA": "RGB with transparency",
    "RGBa": "RGB with transparency",
    "CMYK": "CMYK",
}
_HOW = (
    "only 8-bit RGB is supported yet. Convert it first, for example: convert 'IN[0]' -alpha off -depth 8 png24:OUT.png"
)


@dataclass(frozen=True)
class Picture:
    """A picture, upright.

    Attributes:
        rgb: uint8 ``[height, width, 3]``.
        icc: ICC profile of its RGB colours.
        exif: EXIF as a TIFF structure, with orientation absent or 1.
        alpha: an 8-bit gray PNG of the same size. Pictures that were read have none.
        notes: what was left out of the file, one sentence each.
    """

    rgb: Rgb
    icc: bytes | None = None
    exif: bytes | None = None
    alpha: bytes | None = None
    notes: tuple[str, ...] = ()


@enough_memory()
def read_picture(data: bytes) -> Picture:
    """Decode a PNG, JPEG, WebP, TIFF, AVIF, PPM or BMP file of 8-bit RGB, and turn it upright.

    EXIF is taken from JPEG, PNG, WebP and AVIF files; of a JPEG with several pictures the first one is read.

    Args:
        data: the bytes of the file.

    Raises:
        PictureError: not such a file, damaged, too large, or any other kind of picture.

    >>> read_picture(b"P6 2 1 255 " + bytes([255, 0, 0, 0, 0, 255])).rgb.tolist()
    [[[255, 0, 0], [0, 0, 255]]]
    """
    formats = _readable_formats()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=formats) as image:
                _refuse_other_kinds(image, data)
                image.load()
                return _upright(image)
    except (LicrtError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise PictureError(f"the picture is over the limit of {limit:,} pixels; scale it down or cut it") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"not a picture, or damaged at its start; expected one of {', '.join(formats)}") from error
    except Exception as error:  # whatever Pillow's parsers raise on damaged files: a dozen built-in types
        raise PictureError(f"the picture is damaged or cut short ({error}). Copy or download it again") from error


def check_writable(name: str) -> None:
    """Raise unless the suffix of a file name is one that `write_picture` knows, or the name is ``-``.

    Raises:
        PictureError: it is not.

    >>> check_writable("photo.jpg")
    Traceback (most recent call last):
    licrt.runtime.errors.PictureError: cannot write photo.jpg: expected a name in .png, .webp, .tif, .tiff, .ppm
    """
    if name != "-" and PurePath(name).suffix.lower() not in _WRITERS:
        raise PictureError(f"cannot write {name}: expected a name in {', '.join(_WRITERS)}")


@enough_memory()
def write_picture(picture: Picture, name: str) -> bytes:
    r"""Return the bytes of a lossless picture file of the format that a file name asks for.

    Args:
        picture: what to write. PPM holds its colours only.
        name: its suffix picks the format; ``-`` means PNG.

    Raises:
        PictureError: the suffix is not known, or the format cannot hold such a picture.
        FormatError: the alpha of the picture is not an 8-bit gray PNG of its size.

    >>> write_picture(Picture(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)), "two.ppm")
    b'P6\n2 1\n255\n\xff\x00\x00\x00\x00\xff'
    """
    check_writable(name)
    kind, options = _WRITERS[".png" if name == "-" else PurePath(name).suffix.lower()]
    image = Image.fromarray(picture.rgb)
    if kind != "PPM":
        if picture.alpha:
            image.putalpha(_read_alpha(picture.alpha, image.size))
        options = {**options, "icc_profile": picture.icc, "exif": picture.exif or b""}
    file = io.BytesIO()
    try:
        image.save(file, kind, **options)
    except MemoryError:
        raise
    except Exception as error:  # sizes over the limit of a format, EXIF that cannot be rewritten
        raise PictureError(f"{kind} cannot hold this picture ({error}). Write a PNG file instead") from error
    return file.getvalue()


def _readable_formats() -> list[str]:
    """Load the plugins of these formats only: hostile files do not reach Pillow's other forty parsers."""
    formats = []
    for plugin in _PLUGINS:
        try:
            import_module(f"PIL.{plugin}ImagePlugin")
        except ImportError:  # AVIF came with Pillow 11.3
            continue
        formats.append(plugin.upper())
    return formats


def _refuse_other_kinds(image: Image.Image, data: bytes) -> None:
    kind = None
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        kind = "animated, or of several pages"
    elif image.mode != "RGB":
        kind = _MODES.get(image.mode, f"mode {image.mode}")
    elif "transparency" in image.info:
        kind = "RGB with a transparent colour"
    elif _is_deep(image, data):
        kind = "more than 8 bits per sample"
    if kind:
        raise PictureError(f"this is a picture of another kind ({kind}): {_HOW}")


def _is_deep(image: Image.Image, data: bytes) -> bool:
    """Tell whether Pillow would cut samples of more than 8 bits down to the 8 of its mode RGB."""
    if image.format == "AVIF":
        box = data.find(b"pixi")  # the bit depth of the first channel is its tenth byte (ISO/IEC 23008-12, 6.5.6)
        return box >= 0 and data[box + 9 : box + 10] > b"\x08"
    for tile in getattr(image, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        if image.format == "PPM" and len(arguments) > 1 and arguments[0] == "RGB" and arguments[1] > 255:
            return True
        if isinstance(arguments[0], str) and arguments[0].startswith(("RGB;16", "R;16")):
            return True
    return False


def _upright(image: Image.Image) -> Picture:
    notes = []
    icc = image.info.get("icc_profile") or None
    if icc and icc[16:20] != b"RGB ":
        icc = None
        notes.append("its colour profile is not one for RGB and was left out")
    try:
        image = ImageOps.exif_transpose(image)
        exif = image.info.get("exif") or None
        tags = image.getexif()
        if exif and tags.get(ExifTags.Base.Orientation, 1) != 1:  # 0, 9, …: no orientation at all
            tags[ExifTags.Base.Orientation] = 1
            exif = tags.tobytes()
    except MemoryError:
        raise
    except Exception:  # as in read_picture; the pixels are whole
        exif = None
        notes.append("its EXIF data is damaged and was left out")
    exif = exif.removeprefix(b"Exif\0\0") if exif else None
    return Picture(np.array(image), icc, exif, notes=tuple(notes))


def _read_alpha(alpha: bytes, size: tuple[int, int]) -> Image.Image:
    import_module("PIL.PngImagePlugin")
    try:
        with Image.open(io.BytesIO(alpha), formats=("PNG",)) as image:
            if image.mode == "L" and image.size == size:
                gray: Image.Image = image.convert("L")
                return gray
    except MemoryError:
        raise
    except Exception as error:  # as in read_picture
        raise FormatError(f"the alpha section of the stream is damaged ({error})") from error
    raise FormatError(f"the alpha section of the stream is not an 8-bit gray PNG of {size[0]} x {size[1]} pixels")
