"""`lic-eval anchors`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from licrt.evaluation.cli.progress import progress
from licrt.evaluation.cli.table import means_table
from licrt.runtime.cli import options
from licrt.runtime.cli.errors import complain, our_words_only, say
from licrt.runtime.interrupts import LeavingAtOnce

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licrt.evaluation.anchor_rd import Outcome
    from licrt.evaluation.file_codec import FileCodec
    from licrt.evaluation.pictures import PictureSet


def _list(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    from licrt.evaluation.anchors import search

    if wanted:
        found, missing = search()
        for codec in found:
            click.echo(
                f"{codec.name:<10}{codec.version}; {codec.settings}; {codec.parameter} {_numbers(codec.qualities)}"
            )
        for name, reason in missing.items():
            click.echo(f"{name:<10}missing: {reason.removeprefix(f'{name}: ')}")
        context.exit()


@click.command("anchors", short_help="Measure other codecs on a set of pictures.")
@click.argument("dataset")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the results.")
@click.option(
    "-c", "--codec", "names", multiple=True, metavar="NAME", help="Only this one; may be given several times."
)
@click.option("-q", "--quality", "qualities", type=int, multiple=True, help="Instead of the codec's own; with one -c.")
@options.recursive
@click.option("-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Files encoded at a time.")
@click.option("-f", "--force", is_flag=True, help="Begin anew, whatever the folder has.")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list, help="List what is here.")
def command(
    dataset: str,
    output: Path,
    names: Sequence[str],
    qualities: Sequence[int],
    recursive: bool,
    jobs: int,
    force: bool,
) -> None:
    """Measure JPEG, JPEG 2000, WebP, AVIF, JPEG XL, and whatever else is here of x265, SVT-AV1, BPG, HM and VTM, on the
    pictures of DATASET, a folder or a picture.

    The output folder gets NAME.json for each, of the same form as that of lic-eval rd, and the encoded files. A run
    that was stopped goes on when it is started again. Times are best measured with one job.
    """  # noqa: D205
    with LeavingAtOnce("lic-eval"):
        from licrt.evaluation import anchor_rd, anchors  # noqa: F401 (so that interrupts find it loaded)
        from licrt.evaluation.pictures import find_pictures
        from licrt.runtime.files import make_directory

    for name in names:
        if name not in anchors.FAMILIES:
            raise click.BadParameter(f"{name!r} is none of {', '.join(anchors.FAMILIES)}.", param_hint="--codec")
    if qualities and len(names) != 1:
        raise click.UsageError("-q means something else to every codec; give it with one -c.")
    codecs = [anchors.find(name) for name in dict.fromkeys(names)]
    if not names:
        codecs, missing = anchors.search()
        for reason in missing.values():
            say(f"left out: {reason}")
    for codec in codecs:
        low, high = sorted(codec.scale)
        if any(not low <= quality <= high for quality in qualities):
            raise click.BadParameter(f"{codec.parameter} of {codec.name} is {low} to {high}.", param_hint="--quality")
    pictures = find_pictures(dataset, recursive=recursive)
    make_directory(output)
    failures = False
    for codec in codecs:
        with our_words_only():  # here, since pictures are read by several threads
            failed = _run(codec, list(dict.fromkeys(qualities)) or codec.qualities, pictures, output, jobs, force)
        failures = failures or bool(failed)
    for failure in pictures.failures:
        complain(failure.error)
    if failures or pictures.failures:
        raise SystemExit(1)


def _run(
    codec: FileCodec, qualities: Sequence[int], pictures: PictureSet, output: Path, jobs: int, force: bool
) -> list[Outcome]:
    """Measure one codec, write its results, and return what failed."""
    from licrt.evaluation import anchor_rd
    from licrt.evaluation.storage import write_results

    manifest = anchor_rd.open_manifest(codec, pictures, output, jobs, force=force)
    try:
        tasks = anchor_rd.plan(codec, qualities, pictures, manifest, output)
        count = len(qualities) * len(pictures.files)
        known = "" if len(tasks) == count else f", {count - len(tasks):,} of {count:,} measured before"
        say(f"{codec.title} ({codec.version}){known}")
        failed = []
        with progress(len(tasks)) as bar:
            for outcome in anchor_rd.measure(codec, tasks, pictures, manifest, output, jobs):
                if outcome.error:
                    failed.append(outcome)
                    bar.failed(outcome.error)
                else:
                    bar.done()
        command = shlex.join(["lic-eval", *sys.argv[1:]])
        results = anchor_rd.results(codec, qualities, pictures, manifest, failed, command)
    finally:
        manifest.close()
    if results is None:
        return failed
    path = output / f"{codec.name}.json"
    write_results(path, results)
    table = means_table(results, lambda point: f"{codec.parameter} {point.settings['quality']}")
    click.echo(f"{path}\n{table}")
    return failed


def _numbers(values: Sequence[int]) -> str:
    return ", ".join(str(value) for value in values)
