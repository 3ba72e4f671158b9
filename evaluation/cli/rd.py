"""`lic-eval rd`."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from licrt.evaluation.cli.progress import progress
from licrt.evaluation.cli.table import means_table
from licrt.runtime.cli import options
from licrt.runtime.cli.errors import complain, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licrt.evaluation.rd import Runner
    from licrt.evaluation.results import Point


_EPILOGUE = "Metrics, the format of the results, and large sets: docs/evaluation.md."


def _plain(_context: click.Context, _parameter: click.Parameter, name: str | None) -> str | None:
    from licrt.runtime.bundle import is_plain_name

    if name is not None and not is_plain_name(name):
        raise click.BadParameter(f"{name!r} cannot be the name of a file.")
    return name


@click.command("rd", short_help="Measure rate and distortion of models on a set of pictures.", epilog=_EPILOGUE)
@click.argument("dataset")
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    default=["default"],
    show_default=True,
    help="Model: a name, an id, or the directory of a bundle. May be given several times.",
)
@click.option(
    "-q",
    "--quality",
    "qualities",
    type=click.IntRange(0, 100),
    multiple=True,
    help="0 to 100, for models of variable rate. May be given several times.  [default: the model's]",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the results.")
@click.option(
    "--curve",
    metavar="NAME",
    callback=_plain,
    help="Make one curve of all models.  [default: one of each, by its name]",
)
@options.recursive
@options.device
@click.option(
    "-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes that work side by side."
)
@click.option("--threads", type=click.IntRange(1), help="Threads of each process.  [default: CPUs / processes]")
@click.option("--ray", metavar="ADDRESS", help="Use a Ray cluster with -j actors; local starts one here.")
@click.option("-f", "--force", is_flag=True, help="Begin anew, whatever the folder has.")
def command(
    dataset: str,
    models: Sequence[str],
    qualities: Sequence[int],
    output: Path,
    curve: str | None,
    recursive: bool,
    device: str,
    jobs: int,
    threads: int | None,
    ray: str | None,
    force: bool,
) -> None:
    """Encode the pictures of DATASET to .lci files, decode these, and compare: bpp, PSNR, MS-SSIM, seconds.

    DATASET is a folder of pictures, or a picture. The output folder gets a file of results for each curve, which
    CompressAI's plot tool reads, the .lci files, and manifest.jsonl. A run that was stopped goes on when it is started
    again: only what manifest.jsonl lacks is measured.

    Times are best measured with one process.
    """
    from licrt.runtime.interrupts import LeavingAtOnce

    with LeavingAtOnce("lic-eval"):  # nothing is begun, and engines take interrupts for errors of their own
        from licrt.evaluation import rd
        from licrt.evaluation.manifest import Manifest
        from licrt.evaluation.pictures import find_pictures
        from licrt.evaluation.storage import write_results
        from licrt.runtime.backends import default_threads
        from licrt.runtime.files import make_directory

        threads = threads or max(1, default_threads() // jobs)
        pictures = find_pictures(dataset, recursive=recursive)
        points = rd.variants(models, qualities, device, threads, curve)
        run = _runner(ray, device, threads, jobs)
        make_directory(output)
    runner = "processes" if ray is None else "ray"
    manifest = Manifest(output, rd.conditions(pictures, device, threads, jobs, runner), force=force)
    try:
        rd.clear(output)
        plan = rd.plan(pictures, points, manifest, output)
        for notice in plan.notices:
            say(notice)
        if plan.known:
            say(f"{len(plan.known):,} of {len(plan.known) + len(plan.tasks):,} were measured before")
        failed = []
        with progress(len(plan.tasks)) as bar:
            for outcome in rd.measure(plan.tasks, points, manifest, run):
                if outcome.error:
                    failed.append(outcome)
                    bar.failed(outcome.error)
                else:
                    bar.done()
        found = rd.curves(pictures, points, manifest, failed, shlex.join(["lic-eval", *sys.argv[1:]]))
    finally:
        manifest.close()
    for results in found:
        path = output / f"{results.name}.json"
        write_results(path, results)
        click.echo(f"{path}\n{means_table(results, _label)}")
    for failure in pictures.failures:
        complain(failure.error)
    if failed or pictures.failures:
        raise SystemExit(1)


def _runner(ray: str | None, device: str, threads: int, jobs: int) -> Runner:
    """Return what runs tasks: processes of this machine, or actors of a Ray cluster."""
    if ray is None:
        from licrt.evaluation import processes

        return partial(processes.run, device=device, threads=threads, processes=jobs)
    from licrt.evaluation import ray_data

    return partial(ray_data.run, device=device, threads=threads, actors=jobs, address=ray)


def _label(point: Point) -> str:
    quality = point.settings["quality"]
    return f"{point.settings['model']}{'' if quality is None else f' -q {quality}'}"
