"""Bytes to a Pillow image that is not decoded yet: by signature, within our own limit of pixels."""

from __future__ import annotations

import io
from importlib import import_module
from typing import TYPE_CHECKING

from PIL import Image

from licrt.runtime.container import MAGIC, check_size
from licrt.runtime.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.ImageFile import ImageFile

_PLUGINS = ("Png", "Jpeg", "WebP", "Tiff", "Avif", "Bmp")


def open_image(data: bytes, max_pixels: int, formats: tuple[str, ...] = _PLUGINS) -> ImageFile:
    """Read the header of a picture file.

    Not `Image.open`: its limit of pixels is lower than that of streams, and belongs to the whole process. Only the
    plugins of these formats are loaded, so hostile files do not reach Pillow's other forty parsers.

    Args:
        data: the bytes of the file.
        max_pixels: a file with more is refused here.
        formats: names of plugins.

    Raises:
        PictureError: another format, too large, or its header is damaged.
    """
    for name in _installed(formats):
        factory, accept = Image.OPEN[name]
        if accept is None or accept(data[:16]) is not True:
            continue
        try:
            image: ImageFile = factory(io.BytesIO(data), "")
        except MemoryError:
            raise
        except Image.DecompressionBombError as error:  # WebP's plugin checks by itself
            limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
            raise PictureError(
                f"{name} pictures are read up to {limit:,} pixels, and this one has more; save it as PNG or TIFF"
            ) from error
        except Exception as error:  # whatever Pillow's parsers raise: a dozen built-in types
            raise PictureError(
                f"this {name} file cannot be read ({error}); it is damaged, or of a kind that is not supported"
            ) from error
        check_size(*image.size, max_pixels)
        if name == "TIFF":
            _make_raster(image)
        return image
    if data.startswith(MAGIC):
        raise PictureError("this is a licrt stream already, not a picture. Run: lic-run decode, or lic-run info")
    found = "an empty file" if not data else "not a picture, or damaged at its start"
    raise PictureError(f"{found}; expected one of {', '.join([*_installed(formats), 'PPM'])}")


def _installed(formats: tuple[str, ...]) -> Iterator[str]:
    for plugin in formats:
        try:
            import_module(f"PIL.{plugin}ImagePlugin")
        except ImportError:  # AVIF came with Pillow 11.3
            continue
        yield plugin.upper()


def _make_raster(image: ImageFile) -> None:
    """Give a TIFF image its memory: its plugin, too, has Pillow's limit, but only where it makes the raster itself."""
    extents = [tile[1] for tile in image.tile if tile[1]]
    if extents:
        size = max(extent[2] for extent in extents), max(extent[3] for extent in extents)
        image.im = Image.new(image.mode, size, None).im
