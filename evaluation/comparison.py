"""Two curves of results compared: which of their numbers count as quality, and all deltas of a pair."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from licrt.evaluation import bd, catalogue
from licrt.evaluation.bd import CurveError, Points, points
from licrt.evaluation.results import decibels
from licrt.evaluation.storage import read_curve, read_results

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from licrt.evaluation.catalogue import Published
    from licrt.evaluation.results import Curve, Results

MS_SSIM, MS_SSIM_DB = "ms-ssim-rgb", "ms-ssim-db-rgb"
METRICS = ("psnr-rgb", "psnr-yuv", MS_SSIM)  # all compared in dB


@dataclass(frozen=True)
class Comparison:
    """One curve against another.

    Attributes:
        test, anchor: names.
        metric: which quality, compared in dB.
        rate: BD-rate by method, in percent; below 0, `test` needs less.
        quality: BD-PSNR, or that of another metric, by method, in dB; above 0, `test` is better.
        quality_overlap, rate_overlap: shared part of the shorter curve's range, from 0 to 1.
    """

    test: str
    anchor: str
    metric: str
    rate: Mapping[str, float]
    quality: Mapping[str, float]
    quality_overlap: float
    rate_overlap: float

    def to_json(self) -> dict[str, Any]:
        """Return the same for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Source:
    """A curve, and what is known beside it: all results, if it is in a file of licrt's; or who published it."""

    curve: Curve
    results: Results | None = None
    published: Published | None = None


def load(name: str | Path) -> Source:
    """Return the curve of a file of results, or the published one of that name.

    Raises:
        PictureError: the file cannot be read.
        ResultsError: there is neither, or the file holds something else.

    >>> load("vtm").curve.name, load("vtm").published.dataset
    ('vtm', 'kodak')
    """
    path = Path(name)
    if path.suffix != ".json" and not path.exists():
        published = catalogue.find(str(name))
        return Source(published.curve, published=published)
    curve = read_curve(path)
    detailed = "licrt" in json.loads(path.read_bytes())
    return Source(curve, results=read_results(path) if detailed else None)


def qualities_of(curve: Curve, metric: str) -> Sequence[float]:
    """Return qualities in dB of a curve, in the order of its points; MS-SSIM as -10 log10(1 - mean).

    Empty if it lacks the metric.

    >>> [round(value, 2) for value in qualities_of(load("hm").curve, "ms-ssim-rgb")[:2]]
    [8.11, 10.34]
    """
    if metric == MS_SSIM:
        known = curve.results.get(MS_SSIM_DB)
        return known or [decibels(value) for value in curve.results.get(MS_SSIM, ())]
    return curve.results.get(metric, ())


def points_of(curve: Curve, metric: str) -> Points:
    """Return rates in bpp and qualities in dB of a curve, as deltas need them.

    Raises:
        CurveError: the curve lacks the metric, or is none (`bd.points`).

    >>> len(points_of(load("hm").curve, "ms-ssim-rgb"))
    8
    """
    quality = qualities_of(curve, metric)
    if not quality:
        has = ", ".join(key for key in curve.results if key != "bpp")
        raise CurveError(f"{curve.name} has no {metric}, only {has}")
    return points(curve.name, curve.results["bpp"], quality)


def compare(test: Source, anchor: Source, metric: str = "psnr-rgb") -> Comparison:
    """Return all deltas of two curves.

    Raises:
        CurveError: they are known to be of different pictures, one lacks the metric, or they cannot be compared
            (`bd.expect_comparable`).

    >>> comparison = compare(load("mbt2018-mse"), load("vtm"))
    >>> round(comparison.rate["pchip"], 2), round(comparison.rate["akima"], 2)
    (11.02, 11.01)
    """
    expect_same_pictures(test, anchor)
    ours, theirs = points_of(test.curve, metric), points_of(anchor.curve, metric)
    return Comparison(
        ours.name,
        theirs.name,
        metric,
        {method: bd.bd_rate(ours, theirs, method) for method in bd.METHODS},
        {method: bd.bd_quality(ours, theirs, method) for method in bd.METHODS},
        bd.overlap(ours.quality, theirs.quality),
        bd.overlap(np.log10(ours.rate), np.log10(theirs.rate)),
    )


def expect_same_pictures(test: Source, anchor: Source) -> None:
    """Raise if two curves are known to be of different pictures.

    Of published ones it is known which set they are of, and mostly how many pictures that has, but not their hashes.

    Raises:
        CurveError: they are.
    """
    if test.results and anchor.results:
        differ = test.results.dataset.sha256 != anchor.results.dataset.sha256
    elif test.published and anchor.published:
        differ = test.published.dataset != anchor.published.dataset
    else:
        counts = [
            source.results.dataset.images if source.results else source.published and source.published.images
            for source in (test, anchor)
        ]
        differ = None not in counts and counts[0] != counts[1]
    if differ:
        raise CurveError(
            f"{test.curve.name} and {anchor.curve.name} were measured on different pictures: {_pictures(test)}, and "
            f"{_pictures(anchor)}"
        )


def _pictures(source: Source) -> str:
    if source.results:
        return f"{source.results.dataset.images} of {source.results.dataset.name}"
    return source.published.title if source.published else "unknown ones"
