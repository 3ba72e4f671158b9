"""How far a decoded picture is from the original: PSNR and MS-SSIM of 8-bit pictures, without a training stack.

Equal to what CompressAI's `eval_model` computes of pictures rounded to 8 bits, up to the rounding of its float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

from licrt.evaluation.results import ImageResult
from licrt.runtime.pixels import psnr as psnr_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Rgb = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

# Rows: 10^4 Y', 10^4 (B' - Y'), 10^4 (R' - Y') of R'G'B', by Rec. ITU-R BT.709. Whole numbers keep zero errors zero.
_BT709 = ((2126, 7152, 722), (-2126, -7152, 9278), (7874, -7152, -722))
_SCALES = (1e4, 1.8556e4, 1.5748e4)
_WEIGHTS = (6, 1, 1)

_WINDOW = 11
_SIGMA = 1.5
_LEVELS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
MIN_SIDE = (_WINDOW - 1) * 2 ** (len(_LEVELS) - 1) + 1  # of pictures that MS-SSIM is defined for

_STRIP_PIXELS = 1 << 15  # so that memory does not grow with the picture, and caches hold what is worked on


@dataclass(frozen=True)
class Quality:
    """What a picture is worth; dB are infinite for identical pictures, `ms_ssim` is None below `MIN_SIDE` pixels."""

    psnr_rgb: float
    psnr_yuv: float
    ms_ssim: float | None


def compare(original: Rgb, decoded: Rgb) -> Quality:
    """Return all metrics of a decoded picture.

    Args:
        original, decoded: uint8 `[height, width, 3]` of one size.

    >>> gray = np.full((161, 161, 3), 128, np.uint8)
    >>> compare(gray, gray)
    Quality(psnr_rgb=inf, psnr_yuv=inf, ms_ssim=1.0)
    """
    if original.shape != decoded.shape:
        raise ValueError(f"the pictures differ in size: {original.shape} and {decoded.shape}")
    small = min(original.shape[:2]) < MIN_SIDE
    return Quality(
        psnr_rgb(original, decoded), psnr_yuv(original, decoded), None if small else ms_ssim(original, decoded)
    )


def image_result(
    file: str,
    stream: str,
    size: int,
    original: Rgb,
    decoded: Rgb,
    encode: Mapping[str, float],
    decode: Mapping[str, float],
) -> ImageResult:
    """Return the result of one picture.

    Args:
        file, stream, encode, decode: as in `ImageResult`.
        size: bytes of the encoded file.
        original, decoded: as for `compare`.
    """
    height, width = original.shape[:2]
    return ImageResult(
        file, width, height, size, **vars(compare(original, decoded)), encode=encode, decode=decode, stream=stream
    )


def psnr_yuv(original: Rgb, decoded: Rgb) -> float:
    """Return (6 PSNR_Y + PSNR_U + PSNR_V) / 8 in dB, infinite where any of the planes agree.

    The planes are Y'CbCr of Rec. ITU-R BT.709, of full range, at full size (4:4:4), not rounded; the peak is 255. The
    weights are those of JVET (ITU-T HSTP-VID-WPOM).

    >>> black = np.zeros((2, 2, 3), np.uint8)
    >>> red = black + np.array([16, 0, 0], np.uint8)
    >>> round(psnr_yuv(black, red), 2)
    37.24
    """
    # Differences of Y'CbCr are linear in those of RGB, so the sums of products of the latter, which are exact, will do.
    products = np.zeros((3, 3))
    for rows in _strips(*original.shape[:2]):
        difference = np.subtract(original[rows], decoded[rows], dtype=np.int16).reshape(-1, 3).astype(np.float64)
        products += difference.T @ difference
    sums = [[int(value) for value in row] for row in products]
    count = original.shape[0] * original.shape[1]
    values = []
    for row, scale in zip(_BT709, _SCALES, strict=True):
        error = sum(row[i] * sums[i][k] * row[k] for i in range(3) for k in range(3))
        values.append(10 * math.log10(255**2 * scale**2 * count / error) if error else math.inf)
    return sum(weight * value for weight, value in zip(_WEIGHTS, values, strict=True)) / sum(_WEIGHTS)


def ms_ssim(original: Rgb, decoded: Rgb) -> float:
    """Return the multi-scale structural similarity of pictures of at least `MIN_SIDE` pixels a side.

    Wang, Simoncelli and Bovik 2003, as pytorch_msssim has it and with it CompressAI: five scales, Gaussian windows of
    11 x 11 with a deviation of 1.5 pixels and without padding, negative terms taken as 0, each colour by itself, then
    their mean. Scales are halved by means of 2 x 2, before which odd sides get zeros in front.

    >>> board = np.kron(np.indices((23, 23)).sum(0) % 2 * 255, np.ones((7, 7))).astype(np.uint8)
    >>> board = np.repeat(board[..., None], 3, axis=2)
    >>> ms_ssim(board, board), round(ms_ssim(board, board // 2), 4)
    (1.0, 0.7919)
    """
    first, second = (np.ascontiguousarray(rgb.transpose(2, 0, 1)) for rgb in (original, decoded))
    value = np.ones(3)
    for level, weight in enumerate(_LEVELS):
        similarity, structure = _terms(first, second)
        last = level == len(_LEVELS) - 1
        value *= np.maximum(similarity if last else structure, 0) ** weight
        if not last:
            first, second = _halved(first), _halved(second)
    return float(value.mean())


def _terms(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic]) -> tuple[Floats, Floats]:
    """Return the mean SSIM, and of it the mean contrast-structure term, of each plane of `[3, height, width]`."""
    height, width = (side - _WINDOW + 1 for side in first.shape[1:])
    similarity, structure = np.zeros(3), np.zeros(3)
    for rows in _strips(height, width):
        seen = slice(rows.start, rows.stop + _WINDOW - 1)
        x, y = first[:, seen].astype(np.float64), second[:, seen].astype(np.float64)
        mean_x, mean_y = _blurred(x), _blurred(y)
        products = mean_x * mean_y
        squares = mean_x**2 + mean_y**2
        covariance = _blurred(x * y) - products
        variances = _blurred(x * x + y * y) - squares
        contrast = (2 * covariance + _C2) / (variances + _C2)
        structure += contrast.sum((1, 2))
        similarity += ((2 * products + _C1) / (squares + _C1) * contrast).sum((1, 2))
    return similarity / (height * width), structure / (height * width)


def _blurred(planes: Floats) -> Floats:
    """Return Gaussian means of `[3, height, width]` where the window fits: 10 rows and columns fewer."""
    margin = _WINDOW // 2
    window = np.exp(-(np.arange(-margin, margin + 1) ** 2) / (2 * _SIGMA**2))
    window /= window.sum()
    rows = correlate1d(planes, window, axis=1)[:, margin:-margin]
    blurred: Floats = correlate1d(rows, window, axis=2)[..., margin:-margin]
    return blurred


def _halved(planes: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Return means of 2 x 2, in float32, which has them exactly: four times leave 8 bits before and after the point."""
    _, height, width = planes.shape
    padded = np.zeros((3, height + height % 2, width + width % 2), np.float32)
    padded[:, height % 2 :, width % 2 :] = planes
    top, bottom = padded[:, ::2], padded[:, 1::2]
    sums = top[..., ::2] + top[..., 1::2] + bottom[..., ::2] + bottom[..., 1::2]
    means: npt.NDArray[np.float32] = np.multiply(sums, 0.25, dtype=np.float32)
    return means


def _strips(height: int, width: int) -> Iterator[slice]:
    step = max(16, _STRIP_PIXELS // width)
    return (slice(start, min(start + step, height)) for start in range(0, height, step))
