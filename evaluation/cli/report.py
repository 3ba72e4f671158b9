"""`lic-eval report`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from licrt.evaluation.cli.progress import progress
from licrt.runtime.cli import options
from licrt.runtime.cli.errors import say
from licrt.runtime.interrupts import LeavingAtOnce

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licrt.evaluation.report.entries import Entry
    from licrt.evaluation.report.pictures import Comparison

MEGABYTE = 1_000_000


@click.command("report", short_help="Make a page and plots of results.")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Folder for them.  [default: the first SOURCE, if a folder]"
)
@click.option("--pictures", type=click.Path(path_type=Path), help="Folder of the originals, for pictures to look at.")
@click.option("--most", type=click.IntRange(0), default=8, show_default=True, help="At most so many pictures.")
@click.option(
    "--largest", type=click.IntRange(16), default=1024, show_default=True, help="Pixels a side; middles of larger ones."
)
@click.option("--megabytes", type=click.IntRange(1), default=32, show_default=True, help="For all pictures together.")
@click.option("--title", default="Rate and distortion", show_default=True, help="Of the page.")
@options.force
def command(
    sources: Sequence[str],
    output: Path | None,
    pictures: Path | None,
    most: int,
    largest: int,
    megabytes: int,
    title: str,
    force: bool,
) -> None:
    """Make report.html, a page that needs no other file, and plots as PNG. A SOURCE is a folder that lic-eval rd or
    anchors wrote, a file of results, or the name of a published curve.

    \b
      lic-eval rd kodak -o out
      lic-eval anchors kodak -o out
      lic-eval report out vtm --pictures kodak
    """  # noqa: D205, D301 (click reads the control character)
    with LeavingAtOnce("lic-eval"):
        from licrt.evaluation.report.entries import collect
        from licrt.evaluation.report.page import charts, page
        from licrt.evaluation.report.plots import plot
        from licrt.runtime.files import check_target, make_directory, write_file

    folder = output or Path(sources[0])
    if output is None and not folder.is_dir():
        raise click.UsageError("name a folder for the report with -o.")
    entries = collect(sources)
    drawn = charts(entries)
    places = [folder / f"plot-{chart.key}.png" for chart in drawn]
    make_directory(folder)
    for place in (folder / "report.html", *places):
        check_target(str(place), force=force)
    comparisons, note = _pictures(entries, pictures, most, largest, megabytes * MEGABYTE)
    text = page(entries, comparisons, note, shlex.join(["lic-eval", *sys.argv[1:]]), title)
    write_file(str(folder / "report.html"), text.encode(errors="replace"), force=force)
    for place, chart in zip(places, drawn, strict=True):
        write_file(str(place), plot(chart, title), force=force)
    for place in (folder / "report.html", *places):
        click.echo(str(place))


def _pictures(
    entries: Sequence[Entry], originals: Path | None, most: int, largest: int, budget: int
) -> tuple[list[Comparison], str]:
    """Return what is shown of the pictures, and what has to be said of the others."""
    from licrt.evaluation.report.pictures import compare, files_of

    files = files_of(entries)
    if originals is None or not files or not most:
        if files and originals is None:
            say("no pictures are shown: name the folder of the originals with --pictures")
        return [], ""
    chosen = _spread(files, most)
    found: list[Comparison] = []
    with progress(len(chosen)) as bar:
        for file in chosen:
            comparison = compare(entries, file, originals, largest)
            if found and sum(each.weight for each in found) + comparison.weight > budget:
                break
            found.append(comparison)
            bar.done()
    left = len(files) - len(found)
    return found, f"{len(found)} of {len(files)} pictures are shown." if left else ""


def _spread(files: Sequence[str], most: int) -> list[str]:
    """Choose so many, evenly from first to last."""
    if len(files) <= most:
        return list(files)
    return [files[index * len(files) // most] for index in range(most)]
