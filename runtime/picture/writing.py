"""Pictures to lossless files."""

from __future__ import annotations

import io
import zlib
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from PIL import Image

from licrt.runtime.errors import PictureError, enough_memory
from licrt.runtime.picture.alpha import read_alpha

if TYPE_CHECKING:
    from licrt.runtime.picture.base import Picture

# zlib made run lengths for PNG: half the time of level 4, which takes 40 % of that of the usual 6. Decoded pictures of
# four sets take 0.6 % less than at level 4 with zlib, and 0.6 % more with zlib-ng, which Pillow may have.
_WRITERS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {"compress_level": 1, "compress_type": zlib.Z_RLE}),
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ".ppm": ("PPM", {}),
}


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


def left_out(picture: Picture, name: str) -> str | None:
    """Say what of a picture the format of a file name cannot hold, if anything."""
    if _writer(name)[0] != "PPM":
        return None
    parts = {"transparency": picture.alpha, "colour profile": picture.icc, "EXIF data": picture.exif}
    lost = [part for part, value in parts.items() if value]
    return f"PPM cannot hold {' and '.join(lost)}" if lost else None


def memory_to_write(width: int, height: int) -> int:
    """Return a lower bound of the bytes that pixels and Pillow's copy of them take together: 3 and 4 for each.

    >>> memory_to_write(1000, 1000)
    7000000
    """
    return 7 * width * height


@enough_memory()
def write_picture(picture: Picture, name: str) -> bytes:
    r"""Return the bytes of a lossless picture file of the format that a file name asks for.

    Args:
        picture: what to write. PPM holds its colours only; `left_out` says so in words.
        name: its suffix picks the format; ``-`` means PNG.

    Raises:
        PictureError: the suffix is not known, or the format cannot hold such a picture.
        FormatError: the alpha of the picture is not an 8-bit gray PNG of its size.

    >>> import numpy as np
    >>> from licrt.runtime.picture import Picture
    >>> write_picture(Picture(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)), "two.ppm")
    b'P6\n2 1\n255\n\xff\x00\x00\x00\x00\xff'
    """
    check_writable(name)
    kind, options = _writer(name)
    image = Image.fromarray(picture.rgb)
    if kind != "PPM":
        if picture.alpha:
            image.putalpha(read_alpha(picture.alpha, image.size))
        options = {**options, "icc_profile": picture.icc, "exif": picture.exif or b""}
    file = io.BytesIO()
    try:
        image.save(file, kind, **options)
    except MemoryError:
        raise
    except Exception as error:  # sizes over the limit of a format, EXIF that cannot be rewritten
        raise PictureError(f"{kind} cannot hold this picture ({error}). Write a PNG file instead") from error
    return file.getvalue()


def _writer(name: str) -> tuple[str, dict[str, Any]]:
    return _WRITERS[".png" if name == "-" else PurePath(name).suffix.lower()]
