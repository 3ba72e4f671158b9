"""Between 8-bit pixels and the float planes that networks see."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def pad_to_planes(rgb: npt.NDArray[np.uint8], multiple: int) -> npt.NDArray[np.float32]:
    """Turn pixels into planes in 0…1, padded right and bottom by edge replication.

    Args:
        rgb: uint8 `[height, width, 3]`.
        multiple: both sides of the result are multiples of it.

    Returns:
        float32 `[1, 3, padded height, padded width]`.

    >>> pad_to_planes(np.full((1, 3, 3), 255, np.uint8), 4).shape
    (1, 3, 4, 4)
    """
    height, width = rgb.shape[:2]
    planes = np.empty((1, 3, -(-height // multiple) * multiple, -(-width // multiple) * multiple), np.float32)
    np.divide(rgb.transpose(2, 0, 1), np.float32(255), out=planes[0, :, :height, :width])
    planes[..., :height, width:] = planes[..., :height, width - 1 : width]
    planes[..., height:, :] = planes[..., height - 1 : height, :]
    return planes


def crop_to_rgb(planes: npt.NDArray[np.float32], height: int, width: int) -> npt.NDArray[np.uint8]:
    """Turn planes back into pixels: crop, clip to 0…1, scale, round.

    Args:
        planes: float32 `[1, 3, at least height, at least width]`.
        height, width: size of the picture.

    Returns:
        uint8 `[height, width, 3]`.

    >>> crop_to_rgb(np.full((1, 3, 4, 4), 0.5, np.float32), 1, 2).tolist()
    [[[128, 128, 128], [128, 128, 128]]]
    """
    cropped = planes[0, :, :height, :width] * np.float32(255)
    # Round, don't truncate: truncation costs about 0.16 dB at 40 dB.
    pixels = np.clip(np.rint(cropped, out=cropped), 0, 255, out=cropped).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))
