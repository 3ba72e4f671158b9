"""EXIF: which way is up, and what a picture keeps of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_DAMAGED = "the EXIF data is damaged and was left out"
# What the first directory of a TIFF file says of the picture, not of the file.
_DESCRIPTIVE = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
)


def read_exif(image: ImageFile) -> tuple[int, bytes | None, list[str]]:
    """Read the EXIF data of a decoded file.

    Returns:
        The orientation, 1 to 8, that the pixels still have; EXIF as a TIFF structure with orientation absent or 1, or
        None; notes.
    """
    try:
        tags = image.getexif()
        orientation = tags.get(ExifTags.Base.Orientation, 1)
        if image.format == "TIFF":  # its plugin turned the pixels already
            return 1, _of_tiff(tags), []
        exif = image.info.get("exif") or (tags.tobytes() if "Raw profile type exif" in image.info else None)
        if exif:
            _, exif = upright(exif)  # read once more: the JPEG plugin passes over damage
    except MemoryError:
        raise
    except Exception:  # a dozen built-in types; the pixels are whole
        return 1, None, [_DAMAGED]
    return _known(orientation), exif or None, []


def upright(exif: bytes) -> tuple[int, bytes]:
    """Return the orientation that EXIF data ask for, 1 to 8, and the data as a TIFF structure without one, or with 1.

    Raises:
        Exception: any of a dozen built-in types, where the data are damaged.
    """
    tags = Image.Exif()
    tags.load(exif)
    orientation = tags.get(ExifTags.Base.Orientation, 1)
    if orientation != 1:
        tags[ExifTags.Base.Orientation] = 1
        exif = tags.tobytes()
    return _known(orientation), exif.removeprefix(b"Exif\0\0")


def _known(orientation: object) -> int:
    """Return an orientation; others than 1 to 8 are none at all."""
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def turned(pixels: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    """Turn pixels `[height, width, …]` upright: the inverse of what each EXIF orientation says was done.

    >>> turned(np.array([[1, 2, 3], [4, 5, 6]], np.uint8), 6).tolist()
    [[4, 1], [5, 2], [6, 3]]
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _of_tiff(tags: Image.Exif) -> bytes | None:
    kept = Image.Exif()
    for tag in _DESCRIPTIVE:
        if tag in tags:
            kept[tag] = tags[tag]
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if entries := tags.get_ifd(directory):
            kept[directory] = dict(entries)
    return kept.tobytes().removeprefix(b"Exif\0\0") if kept else None
