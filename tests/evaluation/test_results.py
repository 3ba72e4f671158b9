"""Means over pictures, and curves of points."""

from __future__ import annotations

import math

import pytest

from licrt.evaluation.results import Dataset, Environment, ImageResult, Point, Results, decibels


def image(file: str, size: int, psnr: float, ms_ssim: float | None, seconds: float = 1.0) -> ImageResult:
    return ImageResult(file, 10, 20, size, psnr, psnr + 1, ms_ssim, {"total": seconds, "analysis": 0.1}, {"total": 2.0})


def results(*points: Point) -> Results:
    return Results("a", "b", {"name": "licrt"}, "lic-eval", Dataset("set", 2, "0" * 64), Environment.here(), points)


def test_means_are_of_pictures() -> None:
    means = Point({}, [image("a", 100, 30.0, 0.9, 1.0), image("b", 200, 40.0, 0.99, 3.0)]).means
    assert means.images == 2
    assert means.bpp == pytest.approx((4 + 8) / 2)
    assert (means.psnr_rgb, means.psnr_yuv) == (35.0, 36.0)
    assert means.ms_ssim == pytest.approx(0.945)
    assert means.ms_ssim_db == pytest.approx(-10 * math.log10(0.055))  # not the mean of 10 dB and 20 dB
    assert means.encode == {"total": 2.0, "analysis": pytest.approx(0.1)}
    assert means.left_out == {}


def test_means_say_what_they_leave_out() -> None:
    means = Point({}, [image("a", 1, math.inf, None), image("b", 1, 40.0, 0.5), image("c", 1, 30.0, None)]).means
    assert (means.psnr_rgb, means.ms_ssim) == (35.0, 0.5)
    assert means.left_out == {"psnr_rgb": 1, "psnr_yuv": 1, "ms_ssim": 2}
    alone = Point({}, [image("a", 1, math.inf, None)]).means
    assert (alone.psnr_rgb, alone.psnr_yuv, alone.ms_ssim, alone.ms_ssim_db) == (None, None, None, None)


def test_stages_that_not_all_calls_have_are_left_out() -> None:
    one = ImageResult("a", 1, 1, 1, 1.0, 1.0, None, {"total": 1.0, "hyper-analysis": 0.5}, {"total": 1.0})
    other = ImageResult("b", 1, 1, 1, 1.0, 1.0, None, {"total": 2.0}, {"total": 1.0})
    assert Point({}, [one, other]).means.encode == {"total": 1.5}


def test_curves_have_compressais_names() -> None:
    points = (Point({}, [image("a", 100, 30.0, 0.9)]), Point({}, [image("a", 200, 35.0, 0.95)]))
    assert results(*points).curve().results == {
        "bpp": [4.0, 8.0],
        "psnr-rgb": [30.0, 35.0],
        "psnr-yuv": [31.0, 36.0],
        "ms-ssim-rgb": [0.9, 0.95],
        "encoding_time": [1.0, 1.0],
        "decoding_time": [2.0, 2.0],
    }


def test_curves_lack_metrics_that_not_all_points_have() -> None:
    points = (Point({}, [image("a", 100, 30.0, 0.9)]), Point({}, [image("a", 200, 35.0, None)]))
    assert "ms-ssim-rgb" not in results(*points).curve().results


def test_decibels_of_the_best_are_infinite() -> None:
    assert decibels(1.0) == math.inf
    assert decibels(0.999) == pytest.approx(30)
