"""`lic-run decode`."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

import click

from licrt.runtime.cli import batch, options
from licrt.runtime.cli.report import make_directory, show_codec, show_stage
from licrt.runtime.container import read_info
from licrt.runtime.files import read_stream_file, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from licrt.runtime.cli.batch import Item


@click.command("decode")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@options.decoder_model
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    help="Picture to write: .png, .webp (lossless), .tiff or .ppm; - is PNG on the standard output.  "
    "[default: FILE with .png]",
)
@options.out_dir
@options.device
@options.threads
@options.force
@options.quiet
@options.verbose
def command(
    files: Sequence[str],
    model: str | None,
    output: str | None,
    out_dir: str | None,
    device: str,
    threads: int | None,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Decode .lci streams to picture files.

    The stream says which model it needs; `lic-run models` lists the installed ones. FILE is - for the standard input.
    """

    def start() -> Callable[[Item], None]:
        from licrt.runtime.codec import Codec
        from licrt.runtime.picture import Picture, write_picture

        @cache
        def load(name: str) -> Codec:
            codec = Codec.load(name, device, threads)
            show_codec(codec, verbose)
            return codec

        def decode(item: Item) -> None:
            begin = time.perf_counter()
            data = read_stream_file(item.source)
            codec = load(model or read_info(data).model_id.hex())
            image = codec.decode_image(data, on_stage=show_stage if verbose else None)
            picture = Picture(image.rgb, image.icc, image.exif, image.alpha)
            write_file(item.target, write_picture(picture, item.target), force=force)
            if not quiet:
                height, width = image.rgb.shape[:2]
                _report(item, width, height, time.perf_counter() - begin)

        return decode

    items = batch.plan(files, output, out_dir, ".png")
    _check_format(output)
    make_directory(out_dir)
    batch.run(items, start, force=force, quiet=quiet)


def _check_format(output: str | None) -> None:
    if output is None:
        return
    from licrt.runtime.picture import check_writable

    check_writable(output)


def _report(item: Item, width: int, height: int, seconds: float) -> None:
    source, target = batch.display(item.source, "stdin"), batch.display(item.target, "stdout")
    click.echo(f"{source} -> {target}  {width} x {height}  {1e3 * seconds:.0f} ms", err=True)
