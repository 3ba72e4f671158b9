"""`lic-run encode`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from licrt.runtime.cli import batch, options
from licrt.runtime.cli.errors import our_words_only
from licrt.runtime.cli.report import Done, show_codec, show_stage
from licrt.runtime.cli.sources import PICTURES
from licrt.runtime.container import read_info
from licrt.runtime.errors import MismatchError
from licrt.runtime.files import read_picture_file, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from licrt.runtime.cli.batch import Item
    from licrt.runtime.codec import Codec
    from licrt.runtime.picture import Picture

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

    def start() -> Callable[[Item], Done]:
        from licrt.runtime.codec import Codec
        from licrt.runtime.picture import read_picture
        from licrt.runtime.rate import Rate

        codec = Codec.load(model, device, threads)
        show_codec(codec, verbose)

        def encode(item: Item) -> Done:
            source = read_picture_file(item.source)
            with our_words_only():
                picture = read_picture(source, max_pixels)
            data = codec.encode(
                picture.rgb,
                quality=quality,
                target_bpp=target_bpp,
                target_size=target_size,
                alpha=picture.alpha,
                icc=picture.icc,
                exif=picture.exif,
                on_stage=show_stage if verbose else None,
            )
            verdict = f"  verified, {_verified(codec, data, picture):.2f} dB" if verify else ""
            write_file(item.target, data, force=force)
            pixels = picture.rgb.shape[0] * picture.rgb.shape[1]
            result = f"{len(data):,} bytes  {8 * len(data) / pixels:.3f} bpp{_quality(codec, data)}{verdict}"
            most = Rate(None, target_bpp, target_size).most_bytes(pixels)
            missed = () if most is None or len(data) <= most else (_MISSED,)
            return Done(len(source), len(data), len(data), pixels, result, (*picture.notes, *missed))

        return encode

    items = batch.plan(inputs, output, out_dir, ".lci", PICTURES, recursive=recursive)
    made = out_dir is not None
    batch.run(items, start, _read, force=force, quiet=quiet, verbose=verbose, make_directories=made)


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
