"""A picture file of any kind to a picture: opened, decoded, its colours converted, turned upright."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from licrt.runtime.container import MAX_PIXELS
from licrt.runtime.errors import LicrtError, PictureError, enough_memory
from licrt.runtime.memory import expect_memory
from licrt.runtime.picture import colour, metadata, samples
from licrt.runtime.picture.alpha import write_unless_opaque
from licrt.runtime.picture.base import DEEP, FIRST, Gray, Picture, Rgb, strips
from licrt.runtime.picture.netpbm import is_netpbm, netpbm_size, read_netpbm
from licrt.runtime.picture.opening import open_image

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFile import ImageFile

_NEW_SUBFILE_TYPE = 254


@enough_memory()
def read_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a PNG, JPEG, WebP, TIFF, AVIF, BMP or Netpbm file to upright 8-bit RGB, and alpha.

    Gray becomes RGB; palettes are looked up; transparent colours become alpha; samples of more than 8 bits are rounded;
    CMYK, CIELAB, and gray with a profile are converted to sRGB; of animations, pages and JPEG files with several
    pictures the first is taken. Notes say what was lost.

    Args:
        data: the bytes of the file.
        max_pixels: larger pictures are refused by their header.

    Raises:
        PictureError: not such a file, damaged, too large, or of floating-point or other samples without 8-bit form.

    >>> read_picture(b"P6 2 1 255 " + bytes([255, 0, 0, 0, 0, 255])).rgb.tolist()
    [[[255, 0, 0], [0, 0, 255]]]
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read_netpbm(data, max_pixels) if is_netpbm(data) else _read(data, max_pixels)
    except (LicrtError, MemoryError):
        raise
    except Exception as error:  # whatever Pillow's parsers raise on damaged files: a dozen built-in types
        raise PictureError(f"the picture is damaged or cut short ({error}). Copy or download it again") from error


def pixels_of(data: bytes) -> int:
    """Return how many pixels a picture file has by its header; 0 where `read_picture` will say why there are none.

    >>> pixels_of(b"P6 2 1 255 "), pixels_of(b"no picture")
    (2, 0)
    """
    try:
        width, height = netpbm_size(data) if is_netpbm(data) else open_image(data, MAX_PIXELS).size
    except (LicrtError, MemoryError):
        return 0
    return width * height


def _read(data: bytes, max_pixels: int) -> Picture:
    file = open_image(data, max_pixels)
    _refuse_previews(file)
    _expect_memory(file)
    notes = [FIRST] if getattr(file, "is_animated", False) else []
    image, deep = samples.load(file, lambda: open_image(data, max_pixels))
    if deep or _is_deep_avif(file, data):
        notes.append(DEEP)
    to_rgb, icc, remarks = colour.conversion(image.mode, file.info.get("icc_profile"))
    rgb, alpha = _pixels(image, to_rgb)
    orientation, exif, more = metadata.read_exif(file)
    rgb = metadata.turned(rgb, orientation)
    opacity = None if alpha is None else write_unless_opaque(metadata.turned(alpha, orientation))
    return Picture(rgb, icc, exif, opacity, (*notes, *remarks, *more))


def _expect_memory(file: ImageFile) -> None:
    """Refuse a picture whose pixels and Pillow's copy of them do not fit into memory together."""
    width, height = file.size
    copy = 1 if file.mode in ("1", "L", "P") else 2 if file.mode.startswith("I;16") else 4  # bytes per pixel
    expect_memory((copy + 3) * width * height, f"reading {width} x {height} pixels")


def _pixels(image: Image.Image, to_rgb: colour.ToRgb) -> tuple[Rgb, Gray | None]:
    width, height = image.size
    rgb = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if image.has_transparency_data else None
    for box in strips(width, height):
        strip = image.crop(box)
        rows = slice(box[1], box[3])
        if alpha is not None:
            strip = (strip.convert("LA") if strip.mode == "La" else strip).convert("RGBA")
            alpha[rows] = np.asarray(strip.getchannel("A"))
        rgb[rows] = np.asarray(to_rgb(strip))
    return rgb, alpha


def _refuse_previews(file: ImageFile) -> None:
    """Raw files of cameras are TIFF files, but what Pillow finds in them is a thumbnail."""
    if getattr(file, "tag_v2", {}).get(_NEW_SUBFILE_TYPE, 0) & 1:
        raise PictureError(
            "the file begins with a reduced picture of another one, as cameras' raw files do. "
            "Develop it first, to TIFF or PNG"
        )


def _is_deep_avif(file: ImageFile, data: bytes) -> bool:
    """Tell whether Pillow made 8 bits out of more, as it does for AVIF."""
    box = data.find(b"pixi") if file.format == "AVIF" else -1
    # The bit depth of the first channel is the tenth byte of that box (ISO/IEC 23008-12, 6.5.6).
    return box >= 0 and data[box + 9 : box + 10] > b"\x08"
