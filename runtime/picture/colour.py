"""Colours of every kind to RGB: which conversion a picture needs, and which profile its colours have afterwards.

Gray and CMYK profiles are applied, giving sRGB; those of RGB stay with the picture.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image

from licrt.runtime.picture.base import other_kind

ToRgb = Callable[[Image.Image], Image.Image]

_KINDS = {"1": "GRAY", "L": "GRAY", "LA": "GRAY", "La": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}
_APPLIED = {
    "GRAY": "the gray profile was applied, giving sRGB",
    "CMYK": "CMYK colours were converted to sRGB by their profile",
    "Lab ": "CIELAB colours were converted to sRGB",
}
_BY_FORMULA = "CMYK colours were converted to RGB by a formula, for want of a profile"
_LEFT_OUT = "the colour profile is damaged or for other colours, and was left out"


def conversion(mode: str, icc: bytes | None) -> tuple[ToRgb, bytes | None, list[str]]:
    """Choose how to convert a picture to RGB.

    Args:
        mode: Pillow's mode of the picture, 8 bits per sample.
        icc: the profile that came with it.

    Returns:
        A function from Pillow images of that mode, or RGBA in place of gray, to mode RGB; the profile that the result
        has; and notes.

    Raises:
        PictureError: this Pillow cannot convert such colours.
    """
    kind = _KINDS.get(mode, "RGB ")
    space = icc[16:20].decode("latin-1") if icc else None  # ICC.1:2022, 7.2: the colours that a profile is for
    if icc and space == "RGB " and kind in ("RGB ", "GRAY"):
        return _directly, icc, []
    if kind == "Lab " or (icc and space == kind):
        transform = to_srgb("L" if kind == "GRAY" else mode, None if kind == "Lab " else icc)
        if transform:
            return transform, None, [_APPLIED[kind]]
        if kind == "Lab ":
            raise other_kind("CIELAB; this Pillow was built without LittleCMS")
    notes = [_LEFT_OUT] if icc else []
    return _directly, None, [*notes, _BY_FORMULA] if kind == "CMYK" else notes


def _directly(image: Image.Image) -> Image.Image:
    return image.convert("RGB")


def to_srgb(mode: str, icc: bytes | None) -> ToRgb | None:
    """Return a conversion by LittleCMS with perceptual intent; None where the profile is damaged or for other colours.

    Args:
        mode: what the profile is for: L, CMYK, or LAB without a profile.
        icc: the profile.
    """
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc) if icc else ImageCms.createProfile("LAB"))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (OSError, ImportError, ImageCms.PyCMSError):
        return None
    return lambda image: transform.apply(image.convert(mode))
