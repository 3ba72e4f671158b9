"""Alpha as streams carry it: an 8-bit gray PNG file (docs/bitstream.md, section 2)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from licrt.runtime.container import MAX_METADATA_BYTES
from licrt.runtime.errors import FormatError, PictureError
from licrt.runtime.picture.opening import open_image

if TYPE_CHECKING:
    from licrt.runtime.picture.base import Gray


def write_alpha(alpha: Gray) -> bytes:
    """Return the bytes of alpha, uint8 `[height, width]`, 255 where the picture is opaque.

    Raises:
        PictureError: it takes more bytes than a stream may hold.

    >>> import numpy as np
    >>> np.asarray(read_alpha(write_alpha(np.array([[0, 128, 255]], np.uint8)), (3, 1))).tolist()
    [[0, 128, 255]]
    """
    file = io.BytesIO()
    Image.fromarray(alpha).save(file, "PNG")
    if file.tell() > MAX_METADATA_BYTES:
        raise PictureError(
            f"the transparency of the picture takes {file.tell():,} bytes, over the limit of "
            f"{MAX_METADATA_BYTES >> 20} MiB; flatten the picture or scale it down"
        )
    return file.getvalue()


def write_unless_opaque(alpha: Gray) -> bytes | None:
    """Return the bytes of alpha; None where all of it is opaque, which needs no words."""
    return None if alpha.min() == 255 else write_alpha(alpha)


def read_alpha(alpha: bytes, size: tuple[int, int]) -> Image.Image:
    """Decode alpha to a gray image of a picture's width and height.

    Raises:
        FormatError: it is not an 8-bit gray PNG of that size.
    """
    try:
        image = open_image(alpha, size[0] * size[1], ("Png",))
        if image.mode == "L" and image.size == size:
            image.load()
            return image
    except MemoryError:
        raise
    except Exception as error:  # as in reading.py
        raise FormatError(f"the alpha section of the stream is damaged ({error})") from error
    raise FormatError(f"the alpha section of the stream is not an 8-bit gray PNG of {size[0]} x {size[1]} pixels")
