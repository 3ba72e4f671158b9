"""PSNR and MS-SSIM: values that follow from their definitions, and what holds of any pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from references.tiny_photo import photo

from licrt.evaluation import metrics
from licrt.evaluation.metrics import MIN_SIDE, compare, ms_ssim, psnr_rgb, psnr_yuv


def decibels(error: float) -> float:
    return 20 * math.log10(255 / error)


def test_psnr_of_a_known_error() -> None:
    gray = np.full((9, 7, 3), 100, np.uint8)
    other = gray.copy()
    other[..., 0] += 6
    assert psnr_rgb(gray, other) == pytest.approx(decibels(6 / math.sqrt(3)), abs=1e-12)


@pytest.mark.parametrize("colour", [(10, 0, 0), (0, 10, 0), (0, 0, 10), (7, 20, 3)])
def test_psnr_yuv_of_a_known_error(colour: tuple[int, int, int]) -> None:
    """By the formulas of BT.709: Y' = 0.2126 R' + 0.7152 G' + 0.0722 B', Cb and Cr its distance to B' and R'."""
    gray = np.full((5, 4, 3), 100, np.uint8)
    luma = 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]
    errors = (luma, (colour[2] - luma) / 1.8556, (colour[0] - luma) / 1.5748)
    expected = sum(weight * decibels(abs(error)) for weight, error in zip((6, 1, 1), errors, strict=True)) / 8
    assert psnr_yuv(gray, gray + np.array(colour, np.uint8)) == pytest.approx(expected, abs=1e-9)


def test_errors_that_are_gray_leave_chroma_alone() -> None:
    gray = np.full((5, 4, 3), 100, np.uint8)
    assert psnr_yuv(gray, gray + np.uint8(3)) == math.inf


def test_identical_pictures() -> None:
    quality = compare(photo(200, 170), photo(200, 170))
    assert (quality.psnr_rgb, quality.psnr_yuv, quality.ms_ssim) == (math.inf, math.inf, 1.0)


def test_negative_structure_counts_as_none() -> None:
    picture = photo(170, 180)
    assert ms_ssim(picture, 255 - picture) == 0.0


def test_ms_ssim_needs_161_pixels_a_side() -> None:
    assert MIN_SIDE == 161
    assert compare(photo(160, 300), photo(160, 300)).ms_ssim is None
    assert compare(photo(300, 160), photo(300, 160)).ms_ssim is None
    assert compare(photo(161, 161), photo(161, 161)).ms_ssim == 1.0


def test_strips_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = photo(300, 211), photo(300, 211, seed=1)
    second = (first // 2 + second // 2).astype(np.uint8)
    whole = compare(first, second)
    monkeypatch.setattr(metrics, "_STRIP_PIXELS", 1)
    strips = compare(first, second)
    assert strips.psnr_yuv == whole.psnr_yuv
    assert strips.ms_ssim == pytest.approx(whole.ms_ssim, abs=1e-12)


def test_views_are_taken() -> None:
    canvas = np.zeros((200, 400, 3), np.uint8)
    canvas[:, ::2] = photo(200, 200)
    assert compare(canvas[:, ::2], photo(200, 200)).ms_ssim == 1.0


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="differ in size"):
        compare(photo(4, 4), photo(4, 5))
