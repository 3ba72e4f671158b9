"""Between 8-bit pixels and the float planes that networks see; and how far apart two pictures are."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from licrt.runtime.container import MAX_PIXELS
from licrt.runtime.errors import PictureError


def expect_picture(rgb: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """Return height and width of an array; raise PictureError unless it is a picture that fits a stream."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise PictureError(f"expected a uint8 array [height, width, 3], got {rgb.dtype} {list(rgb.shape)}")
    if rgb.shape[0] * rgb.shape[1] > MAX_PIXELS:
        raise PictureError(f"the picture has {rgb.shape[0] * rgb.shape[1]} pixels; at most {MAX_PIXELS} fit a stream")
    return rgb.shape[0], rgb.shape[1]


def expect_room(out: npt.NDArray[np.uint8], height: int, width: int) -> None:
    """Raise PictureError unless an array can take the pixels of a picture of that size."""
    if out.dtype != np.uint8 or out.shape != (height, width, 3) or not out.flags.writeable:
        found = f"{'' if out.flags.writeable else 'read-only '}{out.dtype} {list(out.shape)}"
        raise PictureError(f"out is {found}, expected a writeable uint8 array {[height, width, 3]} for this picture")


def to_planes(rgb: npt.NDArray[np.uint8], rows: tuple[int, int], columns: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Cut planes in 0…1 out of a picture that goes on for ever, to the right and downwards, as its last pixels do.

    Args:
        rgb: uint8 `[height, width, 3]`.
        rows, columns: first and last-but-one; they begin inside the picture and may end beyond it.

    Returns:
        float32 `[1, 3, rows, columns]`.

    >>> picture = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    >>> to_planes(picture, (0, 2), (0, 4))[0, 0].tolist()
    [[0.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]]
    """
    window = to_window(rgb, rows, columns).transpose(0, 3, 1, 2)
    planes: npt.NDArray[np.float32] = np.divide(window, np.float32(255), order="C")
    return planes


def to_window(rgb: npt.NDArray[np.uint8], rows: tuple[int, int], columns: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Cut pixels out of a picture that goes on for ever, as `to_planes` does, for graphs that convert them themselves.

    The result, uint8 `[1, rows, columns, 3]`, shares the picture's memory where nothing is beyond it.

    >>> picture = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    >>> to_window(picture, (0, 2), (0, 3))[0, :, :, 0].tolist()
    [[0, 255, 255], [0, 255, 255]]
    """
    inside = rgb[rows[0] : rows[1], columns[0] : columns[1]]
    beyond = [(0, end - begin - seen) for (begin, end), seen in zip((rows, columns), inside.shape, strict=False)]
    if any(after for _, after in beyond):
        inside = np.pad(inside, [*beyond, (0, 0)], mode="edge")
    return inside[None]


def from_planes(planes: npt.NDArray[np.float32], out: npt.NDArray[np.uint8]) -> None:
    """Turn planes back into pixels: crop to the size of `out`, scale, round, clip.

    Args:
        planes: float32 `[1, 3, at least height, at least width]`, nominally in 0…1.
        out: uint8 `[height, width, 3]`, written to.

    >>> pixels = np.empty((1, 2, 3), np.uint8)
    >>> from_planes(np.full((1, 3, 4, 4), 0.3, np.float32), pixels)
    >>> pixels.tolist()
    [[[76, 76, 76], [76, 76, 76]]]
    """
    scaled = planes[0, :, : out.shape[0], : out.shape[1]] * np.float32(255)
    # Round, don't truncate: truncation costs about 0.16 dB at 40 dB.
    np.clip(np.rint(scaled, out=scaled), 0, 255, out=scaled)
    out[...] = scaled.transpose(1, 2, 0)


def psnr(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio of two pictures in dB, over all channels together; inf where they agree.

    >>> black = np.zeros((2, 2, 3), np.uint8)
    >>> psnr(black, black + np.uint8(255)), round(psnr(black, black + np.uint8(1)), 2), psnr(black, black)
    (0.0, 48.13, inf)
    """
    # Row by row: differences of whole pictures would take several times their memory.
    error = sum(int(np.square(np.subtract(*rows, dtype=np.int32)).sum()) for rows in zip(first, second, strict=True))
    return 10 * math.log10(255**2 * first.size / error) if error else math.inf
