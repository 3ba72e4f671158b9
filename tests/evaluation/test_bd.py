"""Bjøntegaard deltas: pairs whose answer is known, the package itself, and pairs that are refused."""

from __future__ import annotations

import json
import math

import bjontegaard
import numpy as np
import pytest

from licrt.evaluation import bd
from licrt.evaluation.bd import CurveError, points

QUALITY = np.linspace(28, 40, 7)


def of_lines(name: str, slope: float, height: float, quality: np.ndarray = QUALITY) -> bd.Points:
    """A curve whose log10 of the rate is linear in the quality, as both interpolations have it exactly."""
    return points(name, 10 ** (slope * quality + height), quality)


@pytest.mark.parametrize("method", bd.METHODS)
def test_lines_have_a_known_delta(method) -> None:
    # log10 of the rates differ by 0.01 q - 0.4, whose mean over 28…40 is -0.06
    test, anchor = of_lines("test", 0.11, -4.4), of_lines("anchor", 0.10, -4.0)
    expected = 100 * (10**-0.06 - 1)
    assert bd.bd_rate(test, anchor, method) == pytest.approx(expected, abs=0.02)
    assert bd.bd_rate(anchor, test, method) == pytest.approx(100 * (10**0.06 - 1), abs=0.02)


@pytest.mark.parametrize("method", bd.METHODS)
def test_a_bent_pair_has_the_delta_of_its_integral(method) -> None:
    # log10 r = a + b q + c q^2 against the same plus d (q - 34)^2, whose mean over 28…40 is 12 d
    quality = np.linspace(28, 40, 25)
    base = -4 + 0.09 * quality + 0.0004 * quality**2
    test = points("test", 10 ** (base + 0.002 * (quality - 34) ** 2), quality)
    expected = 100 * (10 ** (0.002 * 12) - 1)
    assert bd.bd_rate(test, points("anchor", 10**base, quality), method) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("method", bd.METHODS)
def test_a_shift_in_quality_is_the_delta_of_quality(method) -> None:
    anchor = of_lines("anchor", 0.1, -4)
    test = bd.Points("test", anchor.rate, anchor.quality + 0.75)
    assert bd.bd_quality(test, anchor, method) == pytest.approx(0.75, abs=1e-9)


def test_order_and_repetition_do_not_matter() -> None:
    shuffled = points("a", [0.4, 0.1, 0.2, 0.8, 0.1], [34, 28, 31, 37, 28])
    assert shuffled.rate.tolist() == [0.1, 0.2, 0.4, 0.8]
    assert shuffled.quality.tolist() == [28, 31, 34, 37]


@pytest.mark.parametrize("method", bd.METHODS)
def test_published_files_give_what_the_package_gives(shared_data, method) -> None:
    folder = shared_data / "reference" / "compressai" / "results" / "image" / "kodak"
    anchor, test = (
        json.loads((folder / f"{name}.json").read_text())["results"] for name in ("vtm", "compressai-mbt2018_mse_cuda")
    )
    columns = [curve[key] for curve in (anchor, test) for key in ("bpp", "psnr-rgb")]
    ours = [points(name, curve["bpp"], curve["psnr-rgb"]) for name, curve in (("test", test), ("anchor", anchor))]
    package = {"method": method, "require_matching_points": False, "min_overlap": 0}
    assert bd.bd_rate(*ours, method) == pytest.approx(bjontegaard.bd_rate(*columns, **package), abs=1e-9)
    assert bd.bd_quality(*ours, method) == pytest.approx(bjontegaard.bd_psnr(*columns, **package), abs=1e-9)
    assert bd.bd_rate(*ours, method) == pytest.approx({"pchip": 11.02, "akima": 11.01}[method], abs=0.005)


def test_the_overlap_that_is_enough() -> None:
    anchor = of_lines("anchor", 0.1, -4)  # 28 to 40
    enough = of_lines("enough", 0.1, -4, np.linspace(34, 46, 5))
    assert bd.overlap(anchor.quality, enough.quality) == 0.5
    assert bd.bd_rate(enough, anchor) == pytest.approx(0, abs=1e-9)
    little = of_lines("little", 0.1, -4, np.linspace(34.5, 46.5, 5))
    with pytest.raises(CurveError, match="little and anchor share 46% of the quality range"):
        bd.bd_rate(little, anchor)
    with pytest.raises(CurveError, match="share 0% of the rate range"):
        bd.bd_quality(points("cheap", anchor.rate / 1e3, anchor.quality), anchor)


def test_a_short_curve_inside_a_long_one_is_compared() -> None:
    short = of_lines("short", 0.1, -4 + math.log10(1.1), np.linspace(33, 36, 4))
    assert bd.bd_rate(short, of_lines("anchor", 0.1, -4)) == pytest.approx(10, abs=0.02)


def test_three_points_are_too_few() -> None:
    few = points("few", [0.1, 0.2, 0.4, 0.4], [28, 31, 34, 34])
    with pytest.raises(CurveError, match=r"few has 3 different points.* need 4"):
        bd.bd_rate(few, of_lines("anchor", 0.1, -4))


@pytest.mark.parametrize(
    ("rate", "quality", "message"),
    [
        ([0.1, 0.2, 0.3, 0.4], [30, 32, 31.5, 33], "from 32.000 at 0.2000 bpp to 31.500 at 0.3000 bpp"),
        ([0.1, 0.2, 0.2, 0.4], [30, 31, 32, 33], "quality does not rise"),
        ([0.1, 0.2, math.nan, 0.4], [30, 31, 32, 33], "not finite"),
        ([0.1, 0.2, 0.3, 0.4], [30, 31, 32, math.inf], "not finite"),
        ([0.0, 0.2, 0.3, 0.4], [30, 31, 32, 33], "no rate"),
    ],
)
def test_what_is_no_curve(rate, quality, message) -> None:
    with pytest.raises(CurveError, match=message):
        points("odd", rate, quality)


def test_rates_between_points_are_the_packages() -> None:
    from bjontegaard.interpolation import interpolate

    anchor = points("anchor", [0.1, 0.25, 0.5, 1.1], [27.5, 31, 34.5, 37])
    wanted = 10 ** interpolate(anchor.quality, np.log10(anchor.rate), "pchip")(33.3)
    assert bd.rate_at(anchor, 33.3) == pytest.approx(wanted, rel=1e-12)
    assert bd.rate_at(anchor, 37.0) == pytest.approx(1.1)
    assert bd.rate_at(anchor, 37.01) is None
