"""The alpha section of a stream, an 8-bit gray PNG, to an array and back."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from licrt.runtime.errors import FormatError, enough_memory

Alpha = npt.NDArray[np.uint8]


@enough_memory()
def pack_alpha(alpha: Alpha) -> bytes:
    """Return the PNG of an alpha channel.

    Args:
        alpha: uint8 `[height, width]`, 255 where the picture is opaque.

    Raises:
        PictureError: there is not enough memory.

    >>> unpack_alpha(pack_alpha(np.array([[0, 128, 255]], np.uint8)), 1, 3).tolist()
    [[0, 128, 255]]
    """
    file = io.BytesIO()
    Image.fromarray(alpha).save(file, "PNG")
    return file.getvalue()


@enough_memory()
def unpack_alpha(body: bytes, height: int, width: int) -> Alpha:
    """Return an alpha channel, uint8 `[height, width]`, from the body of its section.

    Raises:
        FormatError: the body is not an 8-bit gray PNG of this size, or is damaged.
        PictureError: there is not enough memory.
    """
    try:
        # Not by Image.open: nothing but PNG is asked for, and the picture's own size was checked before.
        with PngImageFile(io.BytesIO(body)) as image:
            if image.mode == "L" and image.size == (width, height):
                return np.array(image)
    except MemoryError:
        raise
    except Exception as error:  # whatever Pillow raises on damaged files: a dozen built-in types
        raise FormatError(f"the alpha section of the stream is damaged ({error})") from error
    raise FormatError(f"the alpha section of the stream is not an 8-bit gray PNG of {width} x {height} pixels")
