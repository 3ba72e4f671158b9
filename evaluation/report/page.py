"""The HTML page: everything that it shows as text, put into the templates beside this file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from licrt.evaluation.comparison import METRICS, MS_SSIM, qualities_of
from licrt.evaluation.report import chart as drawing
from licrt.evaluation.report import deltas
from licrt.evaluation.report.chart import Series, chart
from licrt.evaluation.results import TOTAL
from licrt.runtime import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licrt.evaluation.report.chart import Chart
    from licrt.evaluation.report.entries import Entry
    from licrt.evaluation.report.pictures import Comparison
    from licrt.evaluation.results import Environment, Means, Results

TITLES = {"psnr-rgb": "PSNR of RGB", "psnr-yuv": "PSNR of Y'CbCr, 6:1:1", MS_SSIM: "MS-SSIM of RGB"}
DETAILS = (
    "setting",
    "pictures",
    "bpp",
    "PSNR RGB [dB]",
    "PSNR YUV [dB]",
    "MS-SSIM",
    "[dB]",
    "encode [ms]",
    "decode [ms]",
)
TEMPLATES = Path(__file__).parent / "templates"
MISSING = "n/a"


@dataclass(frozen=True)
class Section:
    """A curve as the page has it: heading, table and settings."""

    title: str
    slot: int
    published: bool
    summary: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    failures: Sequence[dict[str, str]]
    settings: Sequence[str]
    command: str


def charts(entries: Sequence[Entry]) -> list[Chart]:
    """Return the plots that the curves have points for, with quality in dB."""
    found: list[Chart] = []
    for metric in METRICS:
        series = [each for each in (_series(entry, metric) for entry in entries) if each.rate]
        if series:
            size = (600, 380) if found else (1100, 460)
            found.append(chart(metric, TITLES[metric], "dB", series, *size))
    return found


def page(entries: Sequence[Entry], comparisons: Sequence[Comparison], note: str, command: str, title: str) -> str:
    """Return the page.

    Args:
        entries: at least one.
        comparisons: pictures to look at.
        note: what is to be said of pictures that are not there.
        command: that this was made by.
        title: of the page.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    engine = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    columns, rows = deltas.table(entries)
    context: dict[str, Any] = {
        "title": title,
        "lead": _lead(entries),
        "version": __version__,
        "entries": [_section(entry) for entry in entries],
        "charts": charts(entries),
        "delta_columns": columns,
        "deltas": rows,
        "comparisons": [_comparison(each) for each in comparisons],
        "reference": comparisons[0].views[0].title if comparisons else "",
        "pictures_note": note,
        "environments": _environments(entries),
        "command": command,
        "left": drawing.LEFT,
        "right": drawing.RIGHT,
        "top": drawing.TOP,
        "bottom": drawing.BOTTOM,
    }
    return engine.get_template("page.html").render(context)


def _series(entry: Entry, metric: str) -> Series:
    curve = entry.source.curve
    quality = qualities_of(curve, metric)
    rate = curve.results["bpp"]
    drawn = [index for index, value in enumerate(quality) if math.isfinite(value) and 0 < rate[index] < math.inf]
    order = sorted(drawn, key=rate.__getitem__)
    return Series(
        entry.title,
        entry.slot,
        entry.published,
        [rate[index] for index in order],
        [quality[index] for index in order],
        [entry.label(index) for index in order],
    )


def _lead(entries: Sequence[Entry]) -> str:
    sets = {entry.source.results.dataset for entry in entries if entry.source.results}
    measured = sum(not entry.published for entry in entries)
    parts = [f"{measured} measured {'curve' if measured == 1 else 'curves'}"]
    if measured < len(entries):
        parts.append(f"{len(entries) - measured} published")
    where = "; ".join(
        f"{each.name}, {each.images} {'picture' if each.images == 1 else 'pictures'}"
        for each in sorted(sets, key=lambda each: each.name)
    )
    return " and ".join(parts) + (f", on {where}." if where else ".")


def _section(entry: Entry) -> Section:
    source = entry.source
    if source.results is None:
        return _published(entry)
    points = source.results.points
    return Section(
        entry.title,
        entry.slot,
        False,
        source.results.description,
        DETAILS,
        [[entry.label(index), *_means(point.means)] for index, point in enumerate(points)],
        [
            {"point": entry.label(index), "file": failure.file, "error": failure.error}
            for index, point in enumerate(points)
            for failure in point.failures
        ],
        _settings(source.results),
        source.results.command,
    )


def _published(entry: Entry) -> Section:
    curve, published = entry.source.curve, entry.source.published
    metrics = [metric for metric in METRICS if qualities_of(curve, metric)]
    columns = [qualities_of(curve, metric) for metric in metrics]
    rows = [
        [str(index + 1), f"{rate:.4f}", *(f"{column[index]:.3f}" for column in columns)]
        for index, rate in enumerate(curve.results["bpp"])
    ]
    settings = [published.how, published.title, published.source, published.licence] if published else []
    summary = f"{published.title}; {published.how}" if published else curve.description
    titles = ("point", "bpp", *(f"{TITLES[metric]} [dB]" for metric in metrics))
    return Section(entry.title, entry.slot, True, summary, titles, rows, (), settings or [curve.description], "")


def _means(means: Means) -> list[str]:
    milliseconds = [seconds.get(TOTAL) for seconds in (means.encode, means.decode)]
    return [
        f"{means.images:,}",
        f"{means.bpp:.4f}",
        _number(means.psnr_rgb, 3),
        _number(means.psnr_yuv, 3),
        _number(means.ms_ssim, 5),
        _number(means.ms_ssim_db, 3),
        *(_number(seconds and 1e3 * seconds, 1) for seconds in milliseconds),
    ]


def _settings(results: Results) -> list[str]:
    return [f"{key}: {value}" for key, value in results.codec.items() if value is not None]


def _comparison(each: Comparison) -> dict[str, Any]:
    height, width = each.size
    cut = "" if each.size == each.shown else f", of which the middle {each.shown[1]} by {each.shown[0]} is shown"
    return {
        "file": each.file,
        "size": f"{width} by {height} pixels{cut}",
        "shown_width": each.shown[1],
        "shown_height": each.shown[0],
        "original": each.original,
        "views": [
            {
                "title": view.title,
                "slot": view.slot,
                "setting": view.setting,
                "uri": view.uri,
                "bytes": f"{view.image.bytes:,}",
                "bpp": f"{view.image.bpp:.4f}",
                "psnr_rgb": _number(view.image.psnr_rgb, 3),
                "psnr_yuv": _number(view.image.psnr_yuv, 3),
                "ms_ssim": _number(view.image.ms_ssim, 5),
            }
            for view in each.views
        ],
    }


def _environments(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return every different environment once, with the curves that were measured there."""
    found: dict[str, tuple[Environment, list[str]]] = {}
    for entry in entries:
        if entry.source.results:
            environment = entry.source.results.environment
            found.setdefault(repr(environment), (environment, []))[1].append(entry.title)
    return [
        {
            "of": ", ".join(titles),
            "rows": [
                ("CPU", environment.cpu),
                ("system", environment.system),
                *environment.versions.items(),
                *environment.variables.items(),
            ],
        }
        for environment, titles in found.values()
    ]


def _number(value: float | None, digits: int) -> str:
    if value is None:
        return MISSING
    return f"{value:.{digits}f}" if math.isfinite(value) else "∞"
