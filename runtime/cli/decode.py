"""`lic-run decode`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING

import click

from licrt.runtime.cli import batch, options
from licrt.runtime.cli.report import Done, show_codec, show_stage
from licrt.runtime.cli.sources import STREAMS
from licrt.runtime.container import read_info
from licrt.runtime.files import STANDARD, read_stream_file, write_file
from licrt.runtime.memory import expect_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from licrt.runtime.cli.batch import Item

_MODELS_IN_MEMORY = 2


@click.command("decode")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@options.decoder_model
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    help="Picture to write: .png, .webp (lossless), .tiff or .ppm; - is the standard output.  "
    "[default: FILE with .png]",
)
@click.option(
    "--format",
    "picture_format",
    type=click.Choice(["png", "webp", "tiff", "ppm"]),
    help="Format of pictures whose name does not tell.  [default: png]",
)
@options.out_dir
@options.recursive
@options.max_pixels
@options.device
@options.threads
@options.force
@options.quiet
@options.verbose
def command(
    files: Sequence[str],
    model: str | None,
    output: str | None,
    picture_format: str | None,
    out_dir: str | None,
    recursive: bool,
    max_pixels: int,
    device: str,
    threads: int | None,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Decode .lci streams to picture files.

    The stream says which model it needs; `lic-run models` lists the installed ones. FILE is - for the standard input,
    or a folder, which stands for the .lci files in it.
    """

    def start() -> Callable[[Item], Done]:
        from licrt.runtime.codec import Codec
        from licrt.runtime.picture import Picture, left_out, memory_to_write, write_picture

        @lru_cache(_MODELS_IN_MEMORY)
        def load(name: str) -> Codec:
            codec = Codec.load(name, device, threads)
            show_codec(codec, verbose)
            return codec

        def decode(item: Item) -> Done:
            data = read_stream_file(item.source, max_pixels)
            info = read_info(data)
            codec = load(model or info.model_id.hex())
            expect_memory(memory_to_write(info.width, info.height), f"decoding {info.width} x {info.height} pixels")
            image = codec.decode_image(data, on_stage=show_stage if verbose else None)
            picture = Picture(image.rgb, image.icc, image.exif, image.alpha)
            name = _name(item.target, picture_format)
            written = write_picture(picture, name)
            write_file(item.target, written, force=force)
            lost = left_out(picture, name)
            result = f"{info.width} x {info.height}"
            notes = (lost,) if lost else ()
            return Done(len(data), len(written), len(data), info.width * info.height, result, notes)

        return decode

    items = batch.plan(files, output, out_dir, f".{picture_format or 'png'}", STREAMS, recursive=recursive)
    if output is not None:
        _check_format(output, picture_format)
    made = out_dir is not None
    batch.run(items, start, read_stream_file, force=force, quiet=quiet, verbose=verbose, make_directories=made)


def _name(target: str, picture_format: str | None) -> str:
    """Return a name whose suffix is the format to write."""
    return f"{target}.{picture_format}" if picture_format else target


def _check_format(output: str, picture_format: str | None) -> None:
    from licrt.runtime.picture import check_writable

    suffix = PurePath(output).suffix.lower()
    if picture_format and output != STANDARD and suffix not in ("", f".{picture_format}", f".{picture_format[:3]}"):
        raise click.UsageError(f"--format {picture_format} and the name {output} contradict each other.")
    check_writable(_name(output, picture_format))
