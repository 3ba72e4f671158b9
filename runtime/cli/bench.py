"""`lic-run bench`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from licrt.runtime.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ANCHORS = ("avif", "webp", "jpeg")


def _anchor_names(_context: click.Context, _option: click.Parameter, value: str) -> tuple[str, ...]:
    """Return the names in a list with commas; `none` is an empty one."""
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",")))
    if names == ("none",):
        return ()
    if not set(names) <= set(_ANCHORS):
        raise click.BadParameter(f"expected some of {', '.join(_ANCHORS)} with commas in between, or none.")
    return names


@click.command("bench")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@options.encoder_model
@options.quality
@click.option("--warmup", type=click.IntRange(min=0), default=2, show_default=True, help="Calls that do not count.")
@click.option("--repeat", type=click.IntRange(min=1), default=10, show_default=True, help="Calls per image that count.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    multiple=True,
    help="Throughput of so many workers, which share the threads; may be given again. 0: leave it out.  "
    "[default: 1, and one for each thread]",
)
@click.option(
    "--batch", type=click.IntRange(min=1), help="Images in a batch of the workers.  [default: 2 for each worker]"
)
@click.option(
    "--cold",
    type=click.IntRange(min=0),
    help="New processes to start for each direction. 0: leave it out.  [default: 3, or what --repeat says]",
)
@click.option(
    "--anchors",
    default=",".join(_ANCHORS),
    show_default=True,
    metavar="NAMES",
    callback=_anchor_names,
    help="Codecs of Pillow that take turns with the model, at about its file size; none: leave them out.",
)
@click.option(
    "--roofline", is_flag=True, help="Measure the machine's limits, too, and how far each stage is from them."
)
@click.option("--compare", metavar="FILE", help="Also print ratios to a report that --json wrote.")
@click.option("--anyway", is_flag=True, help="Compare with a report from another environment.")
@options.max_pixels
@options.device
@options.threads
@options.as_json
def command(
    images: Sequence[str],
    model: str,
    quality: int | None,
    warmup: int,
    repeat: int,
    workers: Sequence[int],
    batch: int | None,
    cold: int | None,
    anchors: tuple[str, ...],
    roofline: bool,
    compare: str | None,
    anyway: bool,
    max_pixels: int,
    device: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure encoding and decoding: every stage, throughput, a cold start, other codecs, memory, energy.

    Cold is the first call after loading the model; warm are the calls that count. Files are read beforehand. What the
    numbers mean: docs/benchmarking.md.
    """
    from licrt.runtime.bench.compare import differences, ratios, read_report
    from licrt.runtime.bench.run import Settings, run
    from licrt.runtime.bench.table import table

    other = read_report(compare) if compare else None

    def check(environment: Mapping[str, Any]) -> None:
        if other and not anyway and (found := differences(environment, other["environment"])):
            raise click.UsageError(f"{compare} is from another environment: {'; '.join(found)}. Pass --anyway.")

    settings = Settings(
        model, device, threads, warmup, repeat, workers, batch, cold, roofline, max_pixels, quality, anchors
    )
    report = run(images, settings, check)
    report["comparison"] = None
    if other:
        report["comparison"] = {"with": compare, "ratios": [each._asdict() for each in ratios(report, other)]}
    click.echo(json.dumps(report, indent=2) if as_json else table(report))
