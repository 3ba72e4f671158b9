"""`lic-run encode`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from licrt.runtime.cli import batch, options
from licrt.runtime.cli.report import make_directory, show_codec, show_stage
from licrt.runtime.files import read_picture_file, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from licrt.runtime.cli.batch import Item


@click.command("encode")
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@options.encoder_model
@click.option(
    "-q",
    "--quality",
    type=click.IntRange(0, 100),
    help="0 (smallest file) to 100 (best picture), for models of variable rate.  [default: the model's]",
)
@click.option(
    "-o", "--output", metavar="OUT", help="Stream to write; - is the standard output.  [default: IN with .lci]"
)
@options.out_dir
@options.device
@options.threads
@options.force
@options.quiet
@options.verbose
def command(
    inputs: Sequence[str],
    model: str,
    quality: int | None,
    output: str | None,
    out_dir: str | None,
    device: str,
    threads: int | None,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Encode pictures to .lci streams.

    IN is a PNG, JPEG, WebP, TIFF, AVIF, PPM or BMP file of 8-bit RGB, or - for the standard input. Pictures are turned
    upright; RGB colour profiles and EXIF data are kept.
    """

    def start() -> Callable[[Item], None]:
        from licrt.runtime.codec import Codec
        from licrt.runtime.picture import read_picture

        codec = Codec.load(model, device, threads)
        show_codec(codec, verbose)

        def encode(item: Item) -> None:
            begin = time.perf_counter()
            picture = read_picture(read_picture_file(item.source))
            on_stage = show_stage if verbose else None
            data = codec.encode(picture.rgb, quality=quality, icc=picture.icc, exif=picture.exif, on_stage=on_stage)
            write_file(item.target, data, force=force)
            if not quiet:
                height, width = picture.rgb.shape[:2]
                seconds = time.perf_counter() - begin
                _report(item, len(data), 8 * len(data) / (height * width), seconds, picture.notes)

        return encode

    items = batch.plan(inputs, output, out_dir, ".lci")
    make_directory(out_dir)
    batch.run(items, start, force=force, quiet=quiet)


def _report(item: Item, size: int, bits_per_pixel: float, seconds: float, notes: Sequence[str]) -> None:
    source, target = batch.display(item.source, "stdin"), batch.display(item.target, "stdout")
    click.echo(f"{source} -> {target}  {size:,} bytes  {bits_per_pixel:.3f} bpp  {1e3 * seconds:.0f} ms", err=True)
    for note in notes:
        click.echo(f"  {source}: {note}", err=True)
