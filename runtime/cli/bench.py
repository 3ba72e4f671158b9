"""`lic-run bench`."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from licrt.runtime.cli import options
from licrt.runtime.errors import PictureError
from licrt.runtime.files import read_picture_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licrt.runtime.bench.latency import Rgb
    from licrt.runtime.codec import Codec


@click.command("bench")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@options.encoder_model
@click.option("--warmup", type=click.IntRange(min=0), default=2, show_default=True, help="Calls that do not count.")
@click.option("--repeat", type=click.IntRange(min=1), default=10, show_default=True, help="Calls per image that count.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    multiple=True,
    help="Throughput of so many workers, which share the threads; may be given again. 0: leave it out.  "
    "[default: 1, and one for each thread]",
)
@click.option(
    "--batch", type=click.IntRange(min=1), help="Images in a batch of the workers.  [default: 4 for each worker]"
)
@click.option(
    "--cold",
    type=click.IntRange(min=0),
    help="New processes to start for each direction. 0: leave it out.  [default: 3, or what --repeat says]",
)
@click.option(
    "--roofline", is_flag=True, help="Measure the machine's limits, too, and how far each stage is from them."
)
@click.option("--compare", metavar="FILE", help="Also print ratios to a report that --json wrote.")
@click.option("--anyway", is_flag=True, help="Compare with a report from another environment.")
@options.max_pixels
@options.device
@options.threads
@options.as_json
def command(
    images: Sequence[str],
    model: str,
    warmup: int,
    repeat: int,
    workers: Sequence[int],
    batch: int | None,
    cold: int | None,
    roofline: bool,
    compare: str | None,
    anyway: bool,
    max_pixels: int,
    device: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure encoding and decoding: every stage, throughput, a cold start, memory, and energy where there is a meter.

    Cold is the first call after loading the model; warm are the calls that count. Files are read beforehand. What the
    numbers mean: docs/benchmarking.md.
    """
    from licrt.runtime.bench import compare as comparing
    from licrt.runtime.bench import report as reporting
    from licrt.runtime.bench.latency import measure
    from licrt.runtime.bench.table import table
    from licrt.runtime.bench.throughput import measure_throughput
    from licrt.runtime.codec import Codec
    from licrt.runtime.machine import peak_memory
    from licrt.runtime.meters.board import board, state, throttled
    from licrt.runtime.meters.opening import open_meters

    other = comparing.read_report(compare) if compare else None
    files = [read_picture_file(image) for image in images]
    pictures = [_read(image, data, max_pixels) for image, data in zip(images, files, strict=True)]
    machine, before = board(), state()
    begin = time.perf_counter()
    codec = Codec.load(model, device, threads)
    loading = time.perf_counter() - begin
    environment = reporting.environment(codec, pictures, machine)
    if other and not anyway and (differences := comparing.differences(environment, other["environment"])):
        raise click.UsageError(f"{compare} is from another environment: {'; '.join(differences)}. Pass --anyway.")
    threads = int(codec.engine["threads"])
    workers = list(dict.fromkeys(workers or (1, threads)))
    cold = min(3, repeat) if cold is None else cold
    with open_meters() as meters:
        memory = {"before": meters.gpu_memory()}
        measured = measure(codec, pictures, warmup=warmup, repeat=repeat)
        throughput = None
        if workers != [0]:
            throughput = measure_throughput(
                lambda share: codec if share == threads else Codec.load(model, device, share),
                pictures,
                meters,
                workers=[count for count in workers if count],
                threads=threads,
                batch=batch or 4 * max(workers),
                repeat=repeat,
            )
        memory["after"] = meters.gpu_memory()
        watched = meters.watched()
    report: dict[str, Any] = {
        **reporting.identity(codec),
        "environment": environment,
        "images": reporting.images(images, pictures, measured.stream_bytes),
        "load": loading,
        **reporting.latency(measured, pictures),
        "throughput": reporting.throughput(throughput) if throughput else None,
        "peak_memory_bytes": peak_memory(),
        "gpu_memory_bytes": memory if memory["after"] else None,
        "energy": {"meters": list(meters.found), "missing": dict(meters.missing)},
        "cold_start": _cold_start(codec, files[0], pictures[0], model, device, threads, cold) if cold else None,
        "roofline": _roofline(codec, pictures[0], threads, repeat) if roofline else None,
    }
    after = state()
    report["machine"] = {"before": before, "after": after, "throttled": throttled(before, after)}
    report["jetson"] = reporting.jetson(machine, watched)
    ratios = comparing.ratios(report, other) if other else None
    report["comparison"] = None if ratios is None else {"with": compare, "ratios": [each._asdict() for each in ratios]}
    click.echo(json.dumps(report, indent=2) if as_json else table(report))


def _read(image: str, data: bytes, max_pixels: int) -> Rgb:
    from licrt.runtime.picture import read_picture

    try:
        return read_picture(data, max_pixels).rgb
    except PictureError as error:
        raise PictureError(f"{image}: {error}") from error


def _cold_start(
    codec: Codec, data: bytes, rgb: Rgb, model: str, device: str, threads: int, count: int
) -> dict[str, Any]:
    from licrt.runtime.bench.coldstart import starts
    from licrt.runtime.bench.report import cold_starts

    with tempfile.TemporaryDirectory() as folder:
        picture, stream = Path(folder) / "picture", Path(folder) / "stream.lci"
        picture.write_bytes(data)
        stream.write_bytes(codec.encode(rgb))
        shared = ("-m", model, "--device", device, "-j", str(threads), "-o", "-", "--quiet")
        commands = [("encode", str(picture), *shared), ("decode", str(stream), "--format", "ppm", *shared)]
        return cold_starts(starts(commands, count))


def _roofline(codec: Codec, rgb: Rgb, threads: int, repeat: int) -> dict[str, Any]:
    from licrt.runtime.bench.roofline import roofline
    from licrt.runtime.bundle import load_bundle

    return roofline(codec, load_bundle(codec.info.path), rgb, threads, repeat)
