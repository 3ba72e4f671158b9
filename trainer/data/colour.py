"""BT.709 YCbCr in full range, and 4:2:0: colours as video codecs have them.

Weights: Recommendation ITU-R BT.709-6, section 3. Everything is differentiable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

RED, BLUE = 0.2126, 0.0722
GREEN = 1 - RED - BLUE


def rgb_to_ycbcr(rgb: Tensor) -> Tensor:
    """Convert colours, both float [..., 3, height, width] in 0…1; gray has Cb and Cr of 0.5.

    >>> rgb_to_ycbcr(torch.tensor([1.0, 0.0, 0.0]).reshape(3, 1, 1)).flatten()
    tensor([0.2126, 0.3854, 1.0000])
    """
    r, g, b = rgb.unbind(-3)
    y = RED * r + GREEN * g + BLUE * b
    return torch.stack([y, 0.5 * (b - y) / (1 - BLUE) + 0.5, 0.5 * (r - y) / (1 - RED) + 0.5], -3)


def ycbcr_to_rgb(ycbcr: Tensor) -> Tensor:
    """Convert back, both float [..., 3, height, width]; not every combination is a colour in 0…1.

    >>> ycbcr_to_rgb(torch.tensor([0.0722, 1.0, 0.5]).reshape(3, 1, 1)).flatten().round(decimals=4)
    tensor([ 0.0722, -0.0215,  1.0000])
    """
    y, cb, cr = ycbcr.unbind(-3)
    r = y + 2 * (1 - RED) * (cr - 0.5)
    b = y + 2 * (1 - BLUE) * (cb - 0.5)
    return torch.stack([r, (y - RED * r - BLUE * b) / GREEN, b], -3)


def to_420(ycbcr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Halve the resolution of Cb and Cr: each sample is the mean of a square of two by two, as far as that is there.

    Args:
        ycbcr: float [..., 3, height, width].

    Returns:
        Y of [..., 1, height, width]; Cb and Cr of half the size, rounded up.

    >>> [tuple(plane.shape) for plane in to_420(torch.zeros(2, 3, 6, 9))]
    [(2, 1, 6, 9), (2, 1, 3, 5), (2, 1, 3, 5)]
    """
    y, cb, cr = ycbcr.chunk(3, -3)
    return y, _halve(cb), _halve(cr)


def to_444(y: Tensor, cb: Tensor, cr: Tensor, mode: Literal["bilinear", "bicubic", "nearest"] = "bilinear") -> Tensor:
    """Double the resolution of Cb and Cr, whose samples lie in the middle of four of Y.

    Args:
        y: float [..., 1, height, width].
        cb, cr: float, of half the size, rounded up.
        mode: of interpolation.

    Returns:
        Float [..., 3, height, width].

    >>> to_444(*to_420(torch.full((3, 5, 5), 0.25))).unique()
    tensor([0.2500])
    """
    height, width = y.shape[-2:]
    return torch.cat([y, *(_double(plane, mode)[..., :height, :width] for plane in (cb, cr))], -3)


def _halve(plane: Tensor) -> Tensor:
    halved = F.avg_pool2d(_as_batch(plane), 2, ceil_mode=True, count_include_pad=False)
    return halved.reshape(*plane.shape[:-2], *halved.shape[-2:])


def _double(plane: Tensor, mode: str) -> Tensor:
    corners = None if mode == "nearest" else False
    doubled = F.interpolate(_as_batch(plane), scale_factor=2, mode=mode, align_corners=corners)
    return doubled.reshape(*plane.shape[:-2], *doubled.shape[-2:])


def _as_batch(plane: Tensor) -> Tensor:
    return plane.reshape(-1, 1, *plane.shape[-2:])
