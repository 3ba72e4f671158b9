"""One run of `lic-run bench`: everything is measured, and becomes a report."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from licrt.runtime.bench import report as reporting
from licrt.runtime.bench.anchors import beside
from licrt.runtime.bench.coldstart import starts
from licrt.runtime.bench.latency import AtQuality, measure
from licrt.runtime.bench.roofline import roofline
from licrt.runtime.bench.throughput import Throughput, measure_throughput
from licrt.runtime.bundle import load_bundle
from licrt.runtime.codec import Codec
from licrt.runtime.container import MAX_PIXELS
from licrt.runtime.errors import PictureError
from licrt.runtime.files import read_picture_file
from licrt.runtime.machine import peak_memory
from licrt.runtime.meters.board import board, state, throttled
from licrt.runtime.meters.opening import Meters, open_meters
from licrt.runtime.picture import read_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licrt.runtime.bench.latency import Rgb

MOST_BATCHES = 5  # that count, for each number of workers and direction

Check = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class Settings:
    """What is measured, and how often.

    Attributes:
        model, device, threads: as `Codec.load` takes them.
        warmup, repeat: calls for each picture that do not count, and that do.
        workers: numbers of workers, 0 for none; empty for one, and one for each thread.
        batch: pictures in a batch; None for two for each worker.
        cold: new processes for each direction; None for three, or `repeat` if that is less.
        roofline: whether to measure the machine's limits, too.
        max_pixels: larger pictures are refused.
        quality: of a variable-rate model; None for its default.
        anchors: codecs to compare with, as `open_anchors` takes them; none for no comparison.
    """

    model: str
    device: str
    threads: int | None
    warmup: int
    repeat: int
    workers: Sequence[int] = ()
    batch: int | None = None
    cold: int | None = None
    roofline: bool = False
    max_pixels: int = MAX_PIXELS
    quality: int | None = None
    anchors: Sequence[str] = ()


def run(images: Sequence[str], settings: Settings, check: Check = lambda _: None) -> dict[str, Any]:
    """Measure everything that the settings ask for.

    Args:
        images: paths of pictures, or `-`.
        settings: what to do.
        check: called with the environment before anything is measured, to refuse it.

    Returns:
        The report, without a comparison (docs/benchmarking.md).

    Raises:
        PictureError, ModelError, BackendError: as reading pictures, loading the model, and coding do.
    """
    files = [read_picture_file(image) for image in images]
    pictures = [_read(image, data, settings.max_pixels) for image, data in zip(images, files, strict=True)]
    machine, before = board(), state()
    begin = time.perf_counter()
    codec = Codec.load(settings.model, settings.device, settings.threads)
    loading = time.perf_counter() - begin
    timed = AtQuality(codec, settings.quality)
    environment = reporting.environment(codec, pictures, machine, settings.quality)
    check(environment)
    threads = int(codec.engine["threads"])
    with open_meters() as meters:
        memory = {"before": meters.gpu_memory()}
        measured = measure(timed, pictures, warmup=settings.warmup, repeat=settings.repeat)
        throughput = _throughput(timed, pictures, meters, settings, threads)
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
        "cold_start": _cold_start(timed, files[0], pictures[0], settings, threads),
        "anchors": None,
        "roofline": None,
    }
    bundle = load_bundle(codec.info.path)
    if settings.anchors:
        report["anchors"] = beside(timed, bundle, pictures, settings.anchors, threads, settings.repeat)
    if settings.roofline:
        report["roofline"] = roofline(timed, bundle, pictures[0], threads, settings.repeat)
    after = state()
    report["machine"] = {"before": before, "after": after, "throttled": throttled(before, after)}
    report["jetson"] = reporting.jetson(machine, watched)
    return report


def _read(image: str, data: bytes, max_pixels: int) -> Rgb:
    try:
        return read_picture(data, max_pixels).rgb
    except PictureError as error:
        raise PictureError(f"{image}: {error}") from error


def _throughput(
    codec: AtQuality, pictures: Sequence[Rgb], meters: Meters, settings: Settings, threads: int
) -> Mapping[str, Sequence[Throughput]] | None:
    workers = [count for count in dict.fromkeys(settings.workers or (1, threads)) if count]
    if not workers:
        return None

    def load(share: int) -> AtQuality:
        if share == threads:
            return codec
        return AtQuality(Codec.load(settings.model, settings.device, share), settings.quality)

    return measure_throughput(
        load,
        pictures,
        meters,
        workers=workers,
        threads=threads,
        batch=settings.batch or 2 * max(workers),
        repeat=min(MOST_BATCHES, settings.repeat),
    )


def _cold_start(codec: AtQuality, data: bytes, rgb: Rgb, settings: Settings, threads: int) -> dict[str, Any] | None:
    count = min(3, settings.repeat) if settings.cold is None else settings.cold
    if not count:
        return None
    with tempfile.TemporaryDirectory() as folder:
        picture, stream = Path(folder) / "picture", Path(folder) / "stream.lci"
        picture.write_bytes(data)
        stream.write_bytes(codec.encode(rgb))
        shared = ("-m", settings.model, "--device", settings.device, "-j", str(threads), "-o", "-", "--quiet")
        quality = () if settings.quality is None else ("-q", str(settings.quality))
        commands = [("encode", str(picture), *quality, *shared), ("decode", str(stream), "--format", "ppm", *shared)]
        return reporting.cold_starts(starts(commands, count))
