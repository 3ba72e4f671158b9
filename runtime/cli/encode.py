"""`lic-run encode`."""

from __future__ import annotations

import math
import warnings
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import click

from licrt.runtime.cli import batch, options
from licrt.runtime.cli.errors import our_words_only
from licrt.runtime.cli.report import Done, show_codec
from licrt.runtime.cli.sources import PICTURES
from licrt.runtime.container import MAX_PIXELS, read_info
from licrt.runtime.errors import MismatchError
from licrt.runtime.files import read_picture_file, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from licrt.runtime.cli.batch import Item
    from licrt.runtime.cli.steps import Steps
    from licrt.runtime.codec import Codec
    from licrt.runtime.picture import Picture
    from licrt.runtime.timing import OnStage

_MISSED = "even at quality 0 the file is larger than the target"


def _above_zero(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    """Let numbers above 0 pass; click's ranges let nan pass, too."""
    if value is not None and not 0 < value < math.inf:
        raise click.BadParameter(f"{value} is not a number above 0.")
    return value


@click.command("encode")
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@options.encoder_model
@options.quality
@click.option(
    "--target-bpp",
    type=float,
    metavar="BPP",
    callback=_above_zero,
    help="Instead of -q: bits per pixel that the whole file may have. It gets the best quality that fits.",
)
@click.option(
    "--target-size",
    type=click.IntRange(min=1),
    metavar="BYTES",
    help="Instead of -q: bytes that the whole file may have. It gets the best quality that fits.",
)
@click.option(
    "-o", "--output", metavar="OUT", help="Stream to write; - is the standard output.  [default: IN with .lci]"
)
@options.out_dir
@options.recursive
@click.option("--verify", is_flag=True, help="Decode each stream and compare, before anything is written.")
@options.max_pixels
@options.device
@options.threads
@options.force
@options.quiet
@options.verbose
def command(
    inputs: Sequence[str],
    model: str,
    quality: int | None,
    target_bpp: float | None,
    target_size: int | None,
    output: str | None,
    out_dir: str | None,
    recursive: bool,
    verify: bool,
    max_pixels: int,
    device: str,
    threads: int | None,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Encode pictures to .lci streams.

    IN is a PNG, JPEG, WebP, TIFF, AVIF, BMP or Netpbm file, - for the standard input, or a folder, which stands for the
    picture files in it.

    Pictures are turned upright. Transparency, RGB colour profiles and EXIF data are kept; gray and CMYK become sRGB,
    samples of more than 8 bits are rounded, and of several pictures in a file the first is taken, which is said.

    With a target, transparency, profile and EXIF data count as part of the file. What is too large for it even at
    quality 0 is written at quality 0, which is said.
    """
    if sum(option is not None for option in (quality, target_bpp, target_size)) > 1:
        raise click.UsageError("-q, --target-bpp and --target-size exclude each other.")

    items = batch.plan(inputs, output, out_dir, ".lci", PICTURES, recursive=recursive)

    def start() -> Steps[bytes, _Encoded]:
        from licrt.runtime.codec import Codec
        from licrt.runtime.pipeline import workers_for

        codec = Codec.load(model, device, threads)
        show_codec(codec, verbose)
        options = Options(quality, target_bpp, target_size, verify, max_pixels, force)
        return steps(codec, options, workers_for(codec.threads) if len(items) > 1 else 1)

    made = out_dir is not None
    batch.run(items, start, _read, force=force, quiet=quiet, verbose=verbose, make_directories=made)


@dataclass(frozen=True)
class Options:
    """Those of the command that say how each picture is encoded."""

    quality: int | None = None
    target_bpp: float | None = None
    target_size: int | None = None
    verify: bool = False
    max_pixels: int = MAX_PIXELS
    force: bool = False


class _Encoded(NamedTuple):
    source_bytes: int
    data: bytes
    pixels: int
    verdict: str
    notes: tuple[str, ...]


def steps(codec: Codec, options: Options, workers: int) -> Steps[bytes, _Encoded]:
    """Return what is done to each picture file, to so many at a time."""
    from licrt.runtime.cli.steps import Steps
    from licrt.runtime.picture import pixels_of, read_picture
    from licrt.runtime.rate import Rate

    share = codec.shared_by(workers)
    rate = {name: getattr(options, name) for name in ("quality", "target_bpp", "target_size")}
    most_bytes = Rate(None, options.target_bpp, options.target_size).most_bytes
    silence = our_words_only if workers == 1 else nullcontext  # several threads have it around all that they do

    def encode(source: bytes, shared: bool, on_stage: OnStage) -> _Encoded:
        with silence():
            picture = read_picture(source, options.max_pixels)
        user = share if shared else codec
        data = user.encode(
            picture.rgb, **rate, alpha=picture.alpha, icc=picture.icc, exif=picture.exif, on_stage=on_stage
        )
        verdict = f"  verified, {_verified(user, data, picture):.2f} dB" if options.verify else ""
        pixels = picture.rgb.shape[0] * picture.rgb.shape[1]
        most = most_bytes(pixels)
        missed = () if most is None or len(data) <= most else (_MISSED,)
        return _Encoded(len(source), data, pixels, verdict, (*picture.notes, *missed))

    def write(item: Item, encoded: _Encoded) -> Done:
        source_bytes, data, pixels, verdict, notes = encoded
        write_file(item.target, data, force=options.force)
        result = f"{len(data):,} bytes  {8 * len(data) / pixels:.3f} bpp{_quality(codec, data)}{verdict}"
        return Done(source_bytes, len(data), len(data), pixels, result, notes)

    return Steps(lambda item: read_picture_file(item.source), pixels_of, encode, write, workers, _silence)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep off standard error what C libraries and Pillow say while several threads read pictures.

    Both `our_words_only` and Python's filter of warnings are for one thread at a time to enter.
    """
    with our_words_only(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _read(source: str) -> Picture:
    from licrt.runtime.picture import read_picture

    with our_words_only():
        return read_picture(read_picture_file(source))


def _quality(codec: Codec, data: bytes) -> str:
    """Return which quality a stream has, for people; nothing where the model has one rate."""
    from licrt.runtime.rate import quality_of

    points = codec.info.rate_points
    return f"  quality {quality_of(read_info(data).rate_point, points)}" if points > 1 else ""


def _verified(codec: Codec, data: bytes, picture: Picture) -> float:
    """Return the PSNR of a stream's picture in dB.

    Raises:
        MismatchError: the stream does not give its latents, or what it carries along, back.
    """
    from licrt.runtime.pixels import psnr

    image = codec.decode_image(data)
    if (image.alpha, image.icc, image.exif) != (picture.alpha, picture.icc, picture.exif):
        raise MismatchError(
            "the stream does not hold the picture's transparency, profile or EXIF data; nothing written"
        )
    return psnr(image.rgb, picture.rgb)
