"""Where everything of a plot goes: axes, lines and marks in pixels of an SVG drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LEFT, RIGHT, TOP, BOTTOM = 58, 14, 12, 46
TICKS = 8
BEYOND = 1.15  # of the highest measured rate: what others published is drawn so far


@dataclass(frozen=True)
class Series:
    """A curve to draw.

    Attributes:
        name: for people.
        slot: which colour and mark it has, in every plot alike.
        published: others measured it.
        rate, quality: of its points, by rising rate.
        labels: of its points, for people.
    """

    name: str
    slot: int
    published: bool
    rate: Sequence[float]
    quality: Sequence[float]
    labels: Sequence[str]


@dataclass(frozen=True)
class Tick:
    """A line of the grid: its place in pixels, and its number."""

    place: float
    text: str


@dataclass(frozen=True)
class Mark:
    """A point: its place in pixels, and what it says of itself."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Line:
    """A curve: its marks, and the same as the `points` of an SVG polyline."""

    series: Series
    marks: Sequence[Mark]
    path: str


@dataclass(frozen=True)
class Chart:
    """A plot of rate and distortion.

    Attributes:
        key: of its quality.
        width, height: of the drawing.
        title, unit: of the quality.
        summary: what it shows, in a sentence, for those who do not see it.
        across, up: grid lines of the two axes.
    """

    key: str
    width: int
    height: int
    title: str
    unit: str
    summary: str
    across: Sequence[Tick]
    up: Sequence[Tick]
    lines: Sequence[Line]


def chart(key: str, title: str, unit: str, curves: Sequence[Series], width: int = 600, height: int = 380) -> Chart:
    """Lay out a plot of at least one point.

    >>> series = Series("mine", 0, False, [0.25, 0.5], [30.0, 33.0], ["q 1", "q 2"])
    >>> plot = chart("psnr", "PSNR", "dB", [series])
    >>> [tick.text for tick in plot.up]
    ['29.5', '30', '30.5', '31', '31.5', '32', '32.5', '33', '33.5']
    >>> plot.lines[0].marks[1].text
    'mine, q 2: 0.500 bpp, 33.00 dB'
    """
    curves = _within(curves)
    rates = [rate for each in curves for rate in each.rate]
    qualities = [quality for each in curves for quality in each.quality]
    horizontal = ticks(0.0, max(rates))
    vertical = ticks(min(qualities) - 0.1, max(qualities) + 0.1)
    x_span, y_span = (values[-1] - values[0] for values in (horizontal, vertical))

    def x(rate: float) -> float:
        return round(LEFT + (width - LEFT - RIGHT) * (rate - horizontal[0]) / x_span, 1)

    def y(quality: float) -> float:
        return round(height - BOTTOM - (height - TOP - BOTTOM) * (quality - vertical[0]) / y_span, 1)

    lines = []
    for each in curves:
        marks = [
            Mark(x(rate), y(quality), f"{each.name}, {label}: {rate:.3f} bpp, {quality:.2f} {unit}")
            for rate, quality, label in zip(each.rate, each.quality, each.labels, strict=True)
        ]
        lines.append(Line(each, marks, " ".join(f"{mark.x},{mark.y}" for mark in marks)))
    summary = (
        f"{title} in {unit} over bits per pixel, from {min(rates):.2f} to {max(rates):.2f} bpp and from "
        f"{min(qualities):.1f} to {max(qualities):.1f} {unit}, of {', '.join(each.name for each in curves)}. "
        "The tables below have the numbers."
    )
    return Chart(
        key,
        width,
        height,
        title,
        unit,
        summary,
        [Tick(x(value), f"{value:g}") for value in horizontal],
        [Tick(y(value), f"{value:g}") for value in vertical],
        lines,
    )


def _within(curves: Sequence[Series]) -> list[Series]:
    """Leave out published points at rates far beyond all measured ones: they would press these into a corner."""
    measured = [rate for each in curves if not each.published for rate in each.rate]
    if not measured:
        return list(curves)
    limit = BEYOND * max(measured)
    kept = []
    for each in curves:
        count = sum(rate <= limit for rate in each.rate) if each.published else len(each.rate)
        if count:
            kept.append(replace(each, rate=each.rate[:count], quality=each.quality[:count], labels=each.labels[:count]))
    return kept


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers that reach from below `low` to above `high`.

    >>> ticks(0, 1.54)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6]
    >>> ticks(30, 30)
    [30.0, 31.0]
    """
    rough = (high - low) / TICKS
    if rough <= 0:
        return [math.floor(low) * 1.0, math.floor(low) + 1.0]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * index, 10) for index in range(first, last + 1)]
