"""`export-model`: a checkpoint in, a bundle out, with what the export cost."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from licrt.runtime.cli.errors import guard

if TYPE_CHECKING:
    from licrt.export.bundle import Part
    from licrt.export.target import TensorRt

ARCHITECTURES = (
    "bls2017",
    "bmshj2018-factorized",
    "bmshj2018-factorized-relu",
    "bmshj2018-hyperprior",
    "bmshj2018-hyperprior-vbr",
    "mbt2018-mean",
    "mbt2018-mean-vbr",
    "mbt2018",
    "mbt2018-vbr",
    "cheng2020-anchor",
    "cheng2020-attn",
    "cheng2020-anchor-checkerboard",
    "elic2022-official",
    "elic2022-chandelier",
    "licrt2026",
)
_SUFFIXES = (".tar", ".pth", ".pt", ".ckpt", ".safetensors", ".bin")
_PATH = click.Path(readable=False, path_type=Path)  # whoever opens it knows the exit code


@guard()
def _list(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print what the zoo has, one file a line."""
    from licrt.export import zoo

    if wanted:
        for each in zoo.available():
            click.echo(each.summary)
        context.exit()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--arch", metavar="NAME", help=f"Architecture: {', '.join(ARCHITECTURES)}; any label with --model.")
@click.option("--model", "spec", metavar="MODULE:FACTORY", help="Your own model: what makes it, found from here.")
@click.option("--quality", type=click.IntRange(1, 8), help="Quality index of the zoo; variable rates have none.")
@click.option("--metric", type=click.Choice(["mse", "ms-ssim"]), default="mse", show_default=True)
@click.option(
    "--checkpoint",
    type=_PATH,
    help="State dict of CompressAI or licrt [default: the zoo's, downloaded; with --model, what it has].",
)
@click.option("-o", "output", type=_PATH, help="Directory [default: where lic-run looks].")
@click.option("--name", help="Name of the model [default: ARCH-METRIC-QUALITY, or the checkpoint's file name].")
@click.option("--licence", help="Licence of the weights [default: what the zoo says, or unknown].")
@click.option("--part", type=click.Choice(["both", "encoder", "decoder"]), default="both", show_default=True)
@click.option(
    "--target",
    type=click.Choice(["onnx", "tensorrt"]),
    default="onnx",
    show_default=True,
    help="Engines that the graphs are for: all, or TensorRT (docs/tensorrt.md).",
)
@click.option(
    "--precision", type=click.Choice(["fp16", "bf16", "fp32"]), help="Of the networks for TensorRT [default: fp16]."
)
@click.option("--tile", metavar="PIXELS", help="TensorRT: run on one size only, PIXELS or HEIGHTxWIDTH.")
@click.option(
    "--shape",
    metavar="MIN,OPT,MAX",
    help="TensorRT: run on sizes in this range [default: up to 512, or more where the networks see far].",
)
@click.option("--calibration", type=_PATH, help="Photographs that replace the shipped set.")
@click.option(
    "--default-quality",
    type=click.IntRange(0, 100),
    default=50,
    show_default=True,
    help="Variable rates: the quality of lic-run encode unless -q says another.",
)
@click.option("--check/--no-check", default=True, show_default=True, help="Measure the export, refuse it past a limit.")
@click.option("--update", is_flag=True, help="Compute the frequency tables anew even if the checkpoint has them.")
@click.option("-j", "--threads", type=click.IntRange(1), help="Threads [default: all]; the result is the same.")
@click.option("-f", "--force", is_flag=True, help="Replace an existing bundle.")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="List the zoo, and exit.")
@click.version_option(package_name="licrt")
@guard()
def main(
    arch: str | None,
    spec: str | None,
    quality: int | None,
    metric: str,
    checkpoint: Path | None,
    output: Path | None,
    name: str | None,
    licence: str | None,
    part: Part,
    target: str,
    precision: str | None,
    tile: str | None,
    shape: str | None,
    calibration: Path | None,
    default_quality: int,
    check: bool,
    update: bool,
    threads: int | None,
    force: bool,
) -> None:
    """Export a trained model as a bundle: ONNX graphs, integer networks and tables, with measured checks.

    Without -o the bundle is installed where lic-run finds it by name. Without --checkpoint the weights are
    CompressAI's, from its zoo (--list), by --arch, --metric and --quality. With --model the model is your own.
    """
    from licrt.export import zoo
    from licrt.export.output import refuse_existing

    tensorrt = _tensorrt(precision, tile, shape) if target == "tensorrt" else None
    if tensorrt is None and (precision or tile or shape):
        raise click.UsageError("--precision, --tile and --shape are for --target tensorrt")
    from licrt.runtime.models import user_directory

    weights = zoo.find(_known(arch), metric, quality) if spec is None and checkpoint is None else None
    if weights:
        name, licence = name or weights.name, licence or weights.licence
        refuse_existing(output or user_directory() / name, force)  # before the download
        for note in weights.notes:
            _say(f"known of {weights.name}: {note}")
        checkpoint = zoo.fetch(weights, say=_say, bar=sys.stderr.isatty())
    published = zoo.source(weights, checkpoint) if weights and checkpoint else None

    import torch

    from licrt.export.bundle import Labels, export_bundle
    from licrt.export.custom import default_name, load_custom
    from licrt.export.parts import parts_of, update_tables
    from licrt.trainer.checkpoint import load_checkpoint

    if threads:
        torch.set_num_threads(threads)
    source = load_custom(spec, checkpoint) if spec else load_checkpoint(checkpoint, _known(arch))
    parts = parts_of(source)
    if update:
        update_tables(parts)
    label = arch or (type(source).__name__ if isinstance(source, torch.nn.Module) else "custom")
    if not name and arch and quality:
        name = f"{arch}-{metric}-{quality}"
    name = name or (_stem(checkpoint) if checkpoint else default_name(spec))
    place = output or user_directory() / name
    identity = export_bundle(
        parts,
        Labels(name, label, quality, metric, licence or "unknown", published),
        place,
        calibration=calibration,
        part=part,
        check=check,
        force=force,
        default_quality=default_quality,
        target=tensorrt,
        say=_say,
    )
    size = sum(file.stat().st_size for file in place.iterdir())
    click.echo(f"{name} {identity} {place} ({size / 1e6:.2f} MB)", file=sys.stdout)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _tensorrt(precision: str | None, tile: str | None, shape: str | None) -> TensorRt:
    """Return the target that options describe."""
    from licrt.export.target import TensorRt, parse_shapes, parse_tile

    if tile and shape:
        raise click.UsageError("--tile fixes one size, --shape gives a range; give one of them")
    try:
        sizes = parse_tile(tile) if tile else parse_shapes(shape) if shape else None
    except ValueError as error:
        raise click.UsageError(f"{'--tile' if tile else '--shape'}: {error}") from error
    return TensorRt(precision or "fp16", sizes)


def _known(arch: str | None) -> str:
    """Return the name of an architecture."""
    if arch is None:
        raise click.UsageError("give --arch NAME, or --model MODULE:FACTORY")
    if arch not in ARCHITECTURES:
        raise click.UsageError(f"--arch is {arch!r}, expected one of {', '.join(ARCHITECTURES)}")
    return arch


def _stem(checkpoint: Path) -> str:
    """Return the file name of a checkpoint without what tells its kind.

    >>> _stem(Path("zoo/bls2017-lambda0.125.pth.tar"))
    'bls2017-lambda0.125'
    """
    while checkpoint.suffix in _SUFFIXES:
        checkpoint = checkpoint.with_suffix("")
    return checkpoint.name
