"""What the modules of this package share: the picture itself, and work on it in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from licrt.runtime.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Iterator

Rgb = npt.NDArray[np.uint8]
Gray = npt.NDArray[np.uint8]
_STRIP_PIXELS = 1 << 20

DEEP = "samples of more than 8 bits were rounded to 8"
FIRST = "only the first of several pictures was taken"


@dataclass(frozen=True)
class Picture:
    """A picture, upright.

    Attributes:
        rgb: uint8 ``[height, width, 3]``.
        icc: ICC profile of its RGB colours; None for sRGB.
        exif: EXIF as a TIFF structure, with orientation absent or 1.
        alpha: an 8-bit gray PNG of the same size; None where all is opaque.
        notes: what the file held and this does not, one phrase each, the same for all files of a kind.
    """

    rgb: Rgb
    icc: bytes | None = None
    exif: bytes | None = None
    alpha: bytes | None = None
    notes: tuple[str, ...] = ()


def other_kind(kind: str) -> PictureError:
    """Return the error for a picture of a kind that has no obvious 8-bit form."""
    return PictureError(
        f"pictures of this kind ({kind}) cannot be read. Convert it first, for example: convert IN -depth 8 OUT.png"
    )


def strips(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """Cut a picture into strips of about a million pixels: left, top, right and bottom of each.

    Work on a strip at a time needs memory for a strip, where Pillow on a whole picture needs it several times over.

    >>> list(strips(500_000, 5))
    [(0, 0, 500000, 2), (0, 2, 500000, 4), (0, 4, 500000, 5)]
    """
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield 0, top, width, min(top + rows, height)


def rounded(maximum: int, size: int) -> npt.NDArray[np.uint8]:
    """Return the table from samples in 0…maximum to 8 bits: `value * 255 / maximum`, rounded (PNG 3rd ed., 13.12).

    Args:
        maximum: at most 65535.
        size: entries; those beyond the maximum are 255.

    >>> rounded(1023, 1024)[[0, 2, 3, 512, 1023]].tolist()
    [0, 0, 1, 128, 255]
    """
    values = np.minimum(np.arange(size, dtype=np.uint32), maximum)
    return ((values * 510 + maximum) // (2 * maximum)).astype(np.uint8)
