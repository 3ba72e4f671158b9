"""``python -m licrt.trainer.data``: build arrays and shards, and measure how fast a recipe's pictures are read."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from licrt.runtime.cli.errors import GuardedGroup, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from licrt.trainer.data.crops import Batch


@click.group(cls=GuardedGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Prepare training data, and measure how fast it is read.

    PLACE is what a recipe's train_folders may name: a folder of pictures, Vimeo-90k, an array, or shards.
    """


@main.command()
@click.argument("places", nargs=-1, required=True, metavar="PLACE...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The file, such as training.npy.")
@click.option("--side", type=click.IntRange(1), default=256, show_default=True, help="Pixels.")
@click.option("--crops", type=click.IntRange(1), help="How many.  [default: one of every picture, or --per-picture]")
@click.option("--per-picture", type=click.IntRange(1), default=1, show_default=True, help="Crops in a row of each.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--workers", type=click.IntRange(0), default=2, show_default=True, help="Processes that read.")
@click.option("-f", "--force", is_flag=True, help="Replace an existing file.")
def memmap(
    places: Sequence[str],
    output: Path,
    side: int,
    crops: int | None,
    per_picture: int,
    seed: int,
    workers: int,
    force: bool,
) -> None:
    """Cut crops of pictures into an array that training maps into memory.

    The same command again goes on where one was stopped.
    """
    from licrt.trainer.data.build_memmap import build_memmap
    from licrt.trainer.data.opening import open_pictures

    pictures = open_pictures(places, side=side)
    total = crops or len(pictures) * per_picture
    with _bar(total) as show:
        told: set[Path] = set()

        def done(rows: int, batch: Batch) -> None:
            for path in batch.unusable.keys() - told:
                say(f"skipped: {batch.unusable[path]}")
            told.update(batch.unusable)
            show(rows)

        build_memmap(
            pictures,
            output,
            side=side,
            crops=total,
            seed=seed,
            crops_per_picture=per_picture,
            workers=workers,
            force=force,
            done=done,
        )
    click.echo(output)


@main.command()
@click.argument("places", nargs=-1, required=True, metavar="PLACE...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The folder of the shards.")
@click.option("--per-shard", type=click.IntRange(1), default=1000, show_default=True, help="Pictures in a shard.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the order.")
@click.option("-f", "--force", is_flag=True, help="Replace an existing folder.")
def shards(places: Sequence[str], output: Path, per_shard: int, seed: int, force: bool) -> None:
    """Pack picture files, as they are, into WebDataset shards.

    The same command again goes on where one was stopped.
    """
    from licrt.trainer.data.build_shards import build_shards
    from licrt.trainer.data.opening import find_files

    files = find_files(places)
    with _bar(len(files)) as show:
        build_shards(files, output, per_shard=per_shard, seed=seed, force=force, done=show)
    click.echo(output)


@main.command()
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--seconds", type=click.FloatRange(0), default=5.0, show_default=True, help="Of measuring each place.")
def speed(recipe: str, overrides: Sequence[str], seconds: float) -> None:
    """Measure how fast a recipe's pictures are read, with nothing that would use them.

    \b
      python -m licrt.trainer.data speed mbt2018-mean output=run train_folders=[photos,crops/training.npy]
    """  # noqa: D301 (click reads the control character)
    import torch

    from licrt.trainer.data.opening import open_pictures
    from licrt.trainer.data.speed import measure
    from licrt.trainer.recipe import load_recipe

    settings = load_recipe(recipe, overrides)
    for place in settings.train_folders:
        pictures = open_pictures([place], side=settings.crop)
        speed = measure(
            pictures,
            side=settings.crop,
            batch_size=settings.batch_size,
            workers=settings.workers,
            seed=settings.seed,
            crops_per_picture=settings.crops_per_picture,
            cache_bytes=int(settings.cache_megabytes * 1e6),
            pin_memory=torch.cuda.is_available(),
            seconds=seconds,
        )
        cost = f", {1000 * speed.cpu / speed.crops:.2f} ms of one core each" if settings.workers == 0 else ""
        click.echo(
            f"{place}: {speed.per_second:.1f} crops/s of {settings.crop}x{settings.crop}, {settings.workers} workers"
            f"{cost} ({len(pictures)} pictures, first batch of {settings.batch_size} after {speed.first:.2f} s)"
        )


@contextmanager
def _bar(count: int) -> Iterator[Callable[[int], None]]:
    """Shows how many of so many are done, if standard error is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=count, show_pos=True, file=sys.stderr) as bar:
        yield lambda done: bar.update(done - bar.pos)
