"""`lic-eval bd`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from licrt.runtime.cli import options
from licrt.runtime.cli.errors import complain
from licrt.runtime.errors import LicrtError
from licrt.runtime.interrupts import LeavingAtOnce

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licrt.evaluation.comparison import Comparison


def _list(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    from licrt.evaluation.catalogue import DEFAULT, published

    if wanted:
        for each in published():
            name = each.name if each.dataset == DEFAULT else each.full_name
            click.echo(f"{name:<42}{len(each.curve.results['bpp']):>3} points, {each.title}; {each.how}")
        context.exit()


@click.command("bd", short_help="Compare curves by Bjøntegaard's deltas.")
@click.argument("test", metavar="TEST")
@click.argument("anchors", metavar="ANCHOR...", nargs=-1, required=True)
@click.option(
    "--metric",
    type=click.Choice(["psnr-rgb", "psnr-yuv", "ms-ssim-rgb"]),
    default="psnr-rgb",
    show_default=True,
    help="Quality, in dB.",
)
@options.as_json
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="List published curves.")
def command(test: str, anchors: Sequence[str], metric: str, as_json: bool) -> None:
    """Say how much more rate TEST needs than each ANCHOR for the same quality (BD-rate; below 0 is a saving), and how
    much better it is at the same rate (BD-PSNR), by the package bjontegaard.

    Each is a JSON of results, licrt's or CompressAI's, or the name of a published curve:

    \b
      lic-eval bd mine.json vtm avif.json
      lic-eval bd mbt2018-mse vtm

    A pair is refused if a curve has fewer than four points, or if the two share less than half of the range of the
    shorter one.
    """  # noqa: D205, D301 (click reads the control character)
    with LeavingAtOnce("lic-eval"):
        import bjontegaard  # noqa: F401 (loads matplotlib, which takes a while)

        from licrt.evaluation.comparison import compare, load

    source = load(test)
    done, errors = [], []
    for name in anchors:
        try:
            done.append(compare(source, load(name), metric))
        except LicrtError as error:
            if len(anchors) == 1:
                raise
            complain(str(error))
            errors.append(error)
    if as_json:
        click.echo(json.dumps([each.to_json() for each in done], indent=2))
    elif done:
        click.echo(_table(done))
    if errors:
        raise SystemExit(1)


def _table(done: Sequence[Comparison]) -> str:
    unit = "BD-PSNR" if done[0].metric.startswith("psnr") else "BD-MS-SSIM"
    width = max(len("against"), *(len(each.anchor) for each in done)) + 2
    columns = f"{'BD-rate pchip':>15}{'akima':>10}{unit + ' pchip':>18}{'akima':>10}{'overlap':>10}"
    lines = [f"{done[0].test} by {done[0].metric} in dB", f"{'against':<{width}}{columns}"]
    for each in done:
        rate = f"{each.rate['pchip']:>13.2f} %{each.rate['akima']:>8.2f} %"
        quality = f"{each.quality['pchip']:>15.3f} dB{each.quality['akima']:>7.3f} dB"
        lines.append(f"{each.anchor:<{width}}{rate}{quality}{each.quality_overlap:>10.0%}")
    return "\n".join(lines)
