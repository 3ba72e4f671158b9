"""The same plots as pictures: PNG, by matplotlib, for papers and slides."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from licrt.evaluation.report.chart import Chart

# Those of page.css on white.
COLOURS = ("#d1440c", "#1f6fb2", "#2e7d32", "#8e44ad", "#a0690a", "#0f8a8a", "#c2185b", "#55606b")
MARKERS = ("o", "s", "^", "D", "v")


def plot(chart: Chart, title: str) -> bytes:
    """Return a plot as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Not through pyplot, which has state of its own and may ask for a display.
    figure = Figure(figsize=(7.2, 4.8), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for line in chart.lines:
        series = line.series
        axes.plot(
            series.rate,
            series.quality,
            label=series.name,
            color=COLOURS[series.slot % len(COLOURS)],
            marker=MARKERS[series.slot % len(MARKERS)],
            markersize=9 if len(series.rate) == 1 else 5,
            linestyle="--" if series.published else "-",
            zorder=2 + 1 / (1 + series.slot),  # the first on top
        )
    axes.set_xlabel("bits per pixel")
    axes.set_ylabel(f"{chart.title} [{chart.unit}]")
    axes.set_title(title)
    axes.set_xlim(left=0)
    axes.grid(color="#e6e8eb")
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize="small")
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": "licrt"})
    return file.getvalue()
