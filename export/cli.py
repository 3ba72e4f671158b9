"""`export-model`: a checkpoint in, a bundle out, with what the export cost."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from licrt.runtime.cli.errors import guard

if TYPE_CHECKING:
    from licrt.export.bundle import Part

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
)
_SUFFIXES = (".tar", ".pth", ".pt", ".ckpt", ".safetensors", ".bin")
_PATH = click.Path(readable=False, path_type=Path)  # whoever opens it knows the exit code


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--arch", required=True, type=click.Choice(ARCHITECTURES), help="Architecture of the checkpoint.")
@click.option("--quality", type=click.IntRange(1, 8), help="Quality index of the zoo, recorded in the bundle.")
@click.option("--metric", type=click.Choice(["mse", "ms-ssim"]), default="mse", show_default=True)
@click.option("--checkpoint", required=True, type=_PATH, help="CompressAI or licrt state dict.")
@click.option("-o", "output", type=_PATH, help="Directory [default: where lic-run looks].")
@click.option("--name", help="Name of the model [default: ARCH-METRIC-QUALITY, or the checkpoint's file name].")
@click.option("--licence", default="unknown", show_default=True, help="Licence of the weights.")
@click.option("--part", type=click.Choice(["both", "encoder", "decoder"]), default="both", show_default=True)
@click.option("--calibration", type=_PATH, help="Photographs that replace the shipped set.")
@click.option("--check/--no-check", default=True, show_default=True, help="Measure the export, refuse it past a limit.")
@click.option("--update", is_flag=True, help="Compute the frequency tables anew even if the checkpoint has them.")
@click.option("-j", "--threads", type=click.IntRange(1), help="Threads [default: all]; the result is the same.")
@click.option("-f", "--force", is_flag=True, help="Replace an existing bundle.")
@click.version_option(package_name="licrt")
@guard()
def main(
    arch: str,
    quality: int | None,
    metric: str,
    checkpoint: Path,
    output: Path | None,
    name: str | None,
    licence: str,
    part: Part,
    calibration: Path | None,
    check: bool,
    update: bool,
    threads: int | None,
    force: bool,
) -> None:
    """Export a trained model as a bundle: ONNX graphs, integer networks and tables, with measured checks.

    Without -o the bundle is installed where lic-run finds it by name.
    """
    import torch

    from licrt.export.bundle import Labels, export_bundle
    from licrt.export.parts import parts_of
    from licrt.runtime.models import user_directory
    from licrt.trainer.checkpoint import load_checkpoint

    if threads:
        torch.set_num_threads(threads)
    model = load_checkpoint(checkpoint, arch)
    model.update(force=update)
    name = name or (f"{arch}-{metric}-{quality}" if quality else _stem(checkpoint))
    target = output or user_directory() / name
    identity = export_bundle(
        parts_of(model),
        Labels(name, arch, quality, metric, licence),
        target,
        calibration=calibration,
        part=part,
        check=check,
        force=force,
        say=lambda line: click.echo(line, err=True),
    )
    size = sum(file.stat().st_size for file in target.iterdir())
    click.echo(f"{name} {identity} {target} ({size / 1e6:.2f} MB)", file=sys.stdout)


def _stem(checkpoint: Path) -> str:
    """Return the file name of a checkpoint without what tells its kind.

    >>> _stem(Path("zoo/bls2017-lambda0.125.pth.tar"))
    'bls2017-lambda0.125'
    """
    while checkpoint.suffix in _SUFFIXES:
        checkpoint = checkpoint.with_suffix("")
    return checkpoint.name
