"""RGB to planes of 10-bit Y'CbCr and back: Rec. ITU-R BT.709, full range, 4:4:4."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from licrt.evaluation.file_codec import Rgb

DEPTH = 10
PEAK = (1 << DEPTH) - 1
RED, BLUE = 0.2126, 0.0722
_WEIGHTS = np.array([RED, 1 - RED - BLUE, BLUE])
TO_YUV = np.stack(
    [_WEIGHTS, (np.array([0, 0, 1]) - _WEIGHTS) / (2 * (1 - BLUE)), (np.array([1, 0, 0]) - _WEIGHTS) / (2 * (1 - RED))]
)
CENTRE = np.array([0, 1 << (DEPTH - 1), 1 << (DEPTH - 1)])


def rgb_to_yuv(rgb: Rgb) -> bytes:
    """Return uint8 `[height, width, 3]` as three planes of little-endian 16-bit words.

    >>> np.frombuffer(rgb_to_yuv(np.full((1, 1, 3), 255, np.uint8)), "<u2").tolist()
    [1023, 512, 512]
    """
    yuv = rgb.astype(np.float64) @ TO_YUV.T * (PEAK / 255) + CENTRE
    return bytes(np.clip(np.rint(yuv), 0, PEAK).astype("<u2").transpose(2, 0, 1).tobytes())


def yuv_to_rgb(data: bytes, height: int, width: int) -> Rgb:
    """Return what `rgb_to_yuv` was given, but for rounding, which 8-bit levels survive.

    Raises:
        ValueError: these are not three planes of that size.

    >>> rgb = np.arange(0, 255, 5, dtype=np.uint8).reshape(1, 17, 3)
    >>> np.array_equal(yuv_to_rgb(rgb_to_yuv(rgb), 1, 17), rgb)
    True
    """
    expected = 3 * height * width * 2
    if len(data) != expected:
        raise ValueError(f"{len(data)} bytes, expected {expected} for {width} x {height} pixels")
    planes = np.frombuffer(data, "<u2").reshape(3, height, width).transpose(1, 2, 0)
    rgb: npt.NDArray[np.float64] = (planes - CENTRE) * (255 / PEAK) @ np.linalg.inv(TO_YUV).T
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
