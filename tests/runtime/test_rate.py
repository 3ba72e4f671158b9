"""The choice of a rate point: what is asked for, and the bisection."""

from __future__ import annotations

import math

import numpy as np
import pytest
from references.synthetic import write_bundle

from licrt.runtime.bundle import load_bundle
from licrt.runtime.errors import ModelError
from licrt.runtime.rate import Rate, highest_that_fits, point_of, quality_of


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load_bundle(write_bundle(tmp_path_factory.mktemp("models") / "model", rate_points=5))


@pytest.mark.parametrize("points", [1, 2, 3, 64, 256])
def test_sizes_that_rise_give_the_highest_that_fits(points) -> None:
    sizes = np.cumsum(np.random.default_rng(points).integers(1, 9, points)).tolist()
    for most in range(sizes[0], sizes[-1] + 2):
        tries: list[int] = []
        point, size = highest_that_fits(points, lambda p: tries.append(p) or sizes[p], lambda size: size <= most)  # noqa: B023
        assert (point, size) == max((p, s) for p, s in enumerate(sizes) if s <= most)
        assert len(tries) <= math.ceil(math.log2(points + 1))
        assert len(set(tries)) == len(tries)


def test_sizes_in_any_order_give_one_that_fits_before_one_that_does_not() -> None:
    random = np.random.default_rng(3)
    for _ in range(300):
        sizes = random.integers(1, 30, 12).tolist()
        most = int(random.integers(1, 30))
        point, size = highest_that_fits(12, sizes.__getitem__, lambda size: size <= most)  # noqa: B023
        assert size == sizes[point]
        if size <= most:
            assert point == 11 or sizes[point + 1] > most
        else:
            assert point == 0


def test_qualities_and_points() -> None:
    for points in (2, 5, 64, 101):
        assert {point_of(quality, points) for quality in range(101)} == set(range(points))
    assert [quality_of(point, 5) for point in range(5)] == [0, 25, 50, 75, 100]
    assert [quality_of(point, 256) for point in (0, 255)] == [0, 100]


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (Rate(quality=50, target_bpp=1.0), "quality and target_bpp exclude each other"),
        (Rate(target_bpp=1.0, target_size=1), "target_bpp and target_size exclude each other"),
        (Rate(target_bpp=0.0), "target_bpp is 0.0, expected a number above 0"),
        (Rate(target_bpp=math.nan), "target_bpp is nan"),
        (Rate(target_bpp=math.inf), "target_bpp is inf"),
        (Rate(target_size=-1), "target_size is -1"),
        (Rate(quality=101), "quality is 101, expected 0"),
    ],
)
def test_what_cannot_be_asked_for(bundle, rate, message) -> None:
    with pytest.raises(ModelError, match=message):
        rate.expect_possible(bundle)


def test_models_of_a_single_rate_take_no_target(tmp_path) -> None:
    single = load_bundle(write_bundle(tmp_path / "model"))
    Rate().expect_possible(single)
    for rate in (Rate(quality=50), Rate(target_bpp=1.0), Rate(target_size=100)):
        with pytest.raises(ModelError, match=r"has a single rate; leave .* out"):
            rate.expect_possible(single)
