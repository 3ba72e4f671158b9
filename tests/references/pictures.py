"""Small picture files made with Pillow."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms

RGB = np.random.default_rng(1).integers(0, 256, (6, 9, 3), np.uint8)
ALPHA = np.random.default_rng(2).integers(0, 256, (6, 9), np.uint8)
RGBA = np.dstack([RGB, ALPHA])
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

# What makes each format that can do so keep every pixel.
LOSSLESS: dict[str, dict[str, object]] = {
    "PNG": {},
    "BMP": {},
    "PPM": {},
    "TIFF": {},
    "WEBP": {"lossless": True, "exact": True},
}


def file_of(image: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, kind, **options)
    return file.getvalue()


def pixels(data: bytes | None) -> np.ndarray | None:
    """What Pillow makes of a file, as it is."""
    if data is None:
        return None
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image)


def exif(orientation: int | None = None) -> Image.Exif:
    tags = Image.Exif()
    tags[ExifTags.Base.Make] = "licrt"
    if orientation is not None:
        tags[ExifTags.Base.Orientation] = orientation
    return tags


def turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels turned upright, one rule per orientation."""
    return {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a[::-1].swapaxes(0, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: a[:, ::-1].swapaxes(0, 1),
    }[orientation](array)


def animated(kind: str, **options: object) -> bytes:
    """A file of two pictures, the first of which is RGB."""
    other = Image.fromarray(255 - RGB)
    return file_of(RGB, kind, save_all=True, append_images=[other], **options)


def ten_bit_avif() -> tuple[bytes, np.ndarray]:
    """A file of libavif's avifenc (--depth 10 --lossless --yuv 444 --cicp 1/13/0), and the 16-bit RGBA given to it."""
    samples = np.random.default_rng(5).integers(0, 65536, (4, 6, 4)).astype(np.uint16)
    return (Path(__file__).parent / "ten-bits.avif").read_bytes(), samples
