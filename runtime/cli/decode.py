"""`lic-run decode`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

import click

from licrt.runtime.cli import batch, options
from licrt.runtime.cli.report import Done, show_codec
from licrt.runtime.cli.sources import STREAMS
from licrt.runtime.container import MAX_PIXELS, StreamInfo, read_info
from licrt.runtime.files import STANDARD, read_stream_file, write_file
from licrt.runtime.memory import expect_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from licrt.runtime.cli.batch import Item
    from licrt.runtime.cli.steps import Steps
    from licrt.runtime.codec import Codec
    from licrt.runtime.timing import OnStage

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
    items = batch.plan(files, output, out_dir, f".{picture_format or 'png'}", STREAMS, recursive=recursive)
    if output is not None:
        _check_format(output, picture_format)

    def start() -> Steps[_Stream, _Decoded]:
        from licrt.runtime.backends import default_threads
        from licrt.runtime.codec import Codec
        from licrt.runtime.pipeline import workers_for

        @lru_cache(_MODELS_IN_MEMORY)
        def load(name: str) -> Codec:
            codec = Codec.load(name, device, threads)
            show_codec(codec, verbose)
            return codec

        options = Options(model, picture_format, max_pixels, force)
        return steps(load, options, workers_for(threads or default_threads()) if len(items) > 1 else 1)

    made = out_dir is not None
    batch.run(items, start, read_stream_file, force=force, quiet=quiet, verbose=verbose, make_directories=made)


@dataclass(frozen=True)
class Options:
    """Those of the command that say how each stream is decoded."""

    model: str | None = None
    picture_format: str | None = None
    max_pixels: int = MAX_PIXELS
    force: bool = False


class _Stream(NamedTuple):
    data: bytes
    info: StreamInfo
    codec: Codec
    name: str  # whose suffix is the format to write


class _Decoded(NamedTuple):
    stream: _Stream
    written: bytes
    lost: str | None


def steps(load: Callable[[str], Codec], options: Options, workers: int) -> Steps[_Stream, _Decoded]:
    """Return what is done to each stream, to so many at a time, with the codecs that `load` gives for models."""
    from licrt.runtime.cli.steps import Steps
    from licrt.runtime.picture import Picture, left_out, memory_to_write, write_picture

    def read(item: Item) -> _Stream:
        data = read_stream_file(item.source, options.max_pixels)
        info = read_info(data)
        codec = load(options.model or info.model_id.hex())
        return _Stream(data, info, codec, _name(item.target, options.picture_format))

    def decode(stream: _Stream, shared: bool, on_stage: OnStage) -> _Decoded:
        width, height = stream.info.width, stream.info.height
        expect_memory(memory_to_write(width, height), f"decoding {width} x {height} pixels")
        codec = stream.codec.shared_by(workers) if shared else stream.codec
        image = codec.decode_image(stream.data, on_stage=on_stage)
        picture = Picture(image.rgb, image.icc, image.exif, image.alpha)
        return _Decoded(stream, write_picture(picture, stream.name), left_out(picture, stream.name))

    def write(item: Item, decoded: _Decoded) -> Done:
        (data, info, _, _), written, lost = decoded
        write_file(item.target, written, force=options.force)
        notes = (lost,) if lost else ()
        pixels = info.width * info.height
        return Done(len(data), len(written), len(data), pixels, f"{info.width} x {info.height}", notes)

    return Steps(read, lambda stream: stream.info.width * stream.info.height, decode, write, workers)


def _name(target: str, picture_format: str | None) -> str:
    """Return a name whose suffix is the format to write."""
    return f"{target}.{picture_format}" if picture_format else target


def _check_format(output: str, picture_format: str | None) -> None:
    from licrt.runtime.picture import check_writable

    suffix = PurePath(output).suffix.lower()
    if picture_format and output != STANDARD and suffix not in ("", f".{picture_format}", f".{picture_format[:3]}"):
        raise click.UsageError(f"--format {picture_format} and the name {output} contradict each other.")
    check_writable(_name(output, picture_format))
