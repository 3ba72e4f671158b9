"""`lic-eval find-close`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from licrt.runtime.cli import options
from licrt.runtime.cli.errors import complain, our_words_only
from licrt.runtime.errors import LicrtError
from licrt.runtime.files import check_target, make_directory, write_file
from licrt.runtime.interrupts import LeavingAtOnce

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licrt.evaluation.file_codec import FileCodec
    from licrt.evaluation.search import Candidate, Target


@click.command("find-close", short_help="Find each codec's setting for a rate or a quality.")
@click.argument("image")
@click.argument("codecs", metavar="CODEC...", nargs=-1, required=True)
@click.option("--target-bpp", type=click.FloatRange(0, min_open=True), help="Bits per pixel of the whole file.")
@click.option("--target-psnr", type=click.FloatRange(0, min_open=True), help="PSNR in dB over RGB.")
@click.option("-o", "--output", default=".", show_default=True, help="Directory for the files, made if it is missing.")
@options.force
@options.threads
@options.as_json
def command(
    image: str,
    codecs: Sequence[str],
    target_bpp: float | None,
    target_psnr: float | None,
    output: str,
    force: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Find each CODEC's setting whose file of IMAGE comes closest to a rate or to a quality. Write that file, and what
    it decodes to.

    A CODEC is an anchor (jpeg, jpeg2000, webp, avif, jpegxl, x265, svt-av1, bpg, hm, vtm) or a model: a name, an id or
    the directory of a bundle.

    \b
      lic-eval find-close photo.png --target-bpp 0.5 default jpeg avif
    """  # noqa: D205, D301 (click reads the control character)
    with LeavingAtOnce("lic-eval"):
        from licrt.evaluation.codecs import open_codec
        from licrt.evaluation.pictures import read_pixels
        from licrt.evaluation.search import find_close

    target: Target = "bpp" if target_psnr is None else "psnr"
    value = target_bpp if target_psnr is None else target_psnr
    if value is None or (target_bpp is not None and target_psnr is not None):
        raise click.UsageError("give either --target-bpp or --target-psnr.")
    with our_words_only():
        rgb = read_pixels(image).rgb
    make_directory(output)
    rows, errors = [], []
    for name in codecs:
        try:
            codec = open_codec(name, threads)
            places = _places(output, image, codec)
            for place in places:
                check_target(place, force=force)
            found = find_close(codec, rgb, target, value)
            rows.append(_write(codec, found, places, target, value, force=force))
        except LicrtError as error:
            if len(codecs) == 1:
                raise
            complain(str(error))
            errors.append(error)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        click.echo(_table(rows))
    if errors:
        raise SystemExit(1)


def _places(output: str, image: str, codec: FileCodec) -> tuple[str, str]:
    stem = Path(output) / f"{Path(image).stem}.{codec.name}"
    return f"{stem}{codec.suffix}", f"{stem}.png"


def _write(
    codec: FileCodec, found: Candidate, places: tuple[str, str], target: Target, value: float, *, force: bool
) -> dict[str, Any]:
    from licrt.runtime.picture import Picture, write_picture

    write_file(places[0], found.data, force=force)
    write_file(places[1], write_picture(Picture(found.rgb), places[1]), force=force)
    return {
        "codec": codec.name,
        "version": codec.version,
        "settings": codec.settings,
        "parameter": codec.parameter,
        "quality": found.quality if codec.parameter else None,
        "bytes": len(found.data),
        "bpp": found.bpp,
        "psnr": found.psnr,
        "miss": getattr(found, target) - value,
        "file": places[0],
        "decoded": places[1],
    }


def _table(rows: Sequence[dict[str, Any]]) -> str:
    width = max(len("codec"), *(len(row["codec"]) for row in rows)) + 2
    lines = [f"{'codec':<{width}}{'setting':<34}{'bytes':>9}{'bpp':>9}{'PSNR':>10}{'miss':>9}  file"]
    for row in rows:
        setting = f"{row['parameter']} {row['quality']}" if row["parameter"] else "its only rate"
        numbers = f"{row['bytes']:>9,}{row['bpp']:>9.4f}{row['psnr']:>10.3f}{row['miss']:>+9.3f}"
        lines.append(f"{row['codec']:<{width}}{setting:<34}{numbers}  {row['file']}")
    return "\n".join(lines)
