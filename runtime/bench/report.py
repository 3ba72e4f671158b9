"""The report of `lic-run bench`: everything that a reader needs to judge or to repeat the numbers.

JSON, described in docs/benchmarking.md; `SCHEMA_VERSION` changes when a key changes its meaning or goes. Times are in
seconds, sizes in bytes, energies in joules.
"""

from __future__ import annotations

import shlex
import statistics
import sys
from typing import TYPE_CHECKING, Any

from licrt.runtime import machine
from licrt.runtime.backends import default_threads
from licrt.runtime.bench.latency import TOTAL, summarise
from licrt.runtime.meters.board import is_jetson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from licrt.runtime.bench.coldstart import Start
    from licrt.runtime.bench.latency import Measurement, Rgb
    from licrt.runtime.bench.throughput import Throughput
    from licrt.runtime.codec import Codec

SCHEMA, SCHEMA_VERSION = "licrt-bench", 1
KINDS = ("encode", "decode")


def environment(
    codec: Codec, pictures: Sequence[Rgb], board: Mapping[str, object], quality: int | None
) -> dict[str, Any]:
    """Return what has to be the same for two reports to be compared: machine, engine, model, and sizes of pictures."""
    engine = dict(codec.engine)
    return {
        "cpu": machine.cpu_model(),
        "cpus": default_threads(),
        "threads": engine.pop("threads", None),
        "kernels": engine.pop("kernels", None),
        "engine": " ".join(str(value) for value in engine.values()),
        "model": codec.info.id if quality is None else f"{codec.info.id} at quality {quality}",
        "pictures": [f"{rgb.shape[1]}x{rgb.shape[0]}" for rgb in pictures],
        "power_mode": board["power_mode"],
    }


def identity(codec: Codec) -> dict[str, Any]:
    """Return what ran: the versions of the software, the system, and the model."""
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "command": shlex.join(["lic-run", *sys.argv[1:]]),
        "versions": machine.versions(),
        "system": machine.system(),
        "variables": machine.variables(),
        "engine": dict(codec.engine),
        "model": {"name": codec.info.name, "id": codec.info.id},
    }


def images(files: Sequence[str], pictures: Sequence[Rgb], sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Describe the pictures and their streams."""
    return [
        {
            "file": file,
            "width": rgb.shape[1],
            "height": rgb.shape[0],
            "bytes": size,
            "bpp": 8 * size / (rgb.shape[0] * rgb.shape[1]),
        }
        for file, rgb, size in zip(files, pictures, sizes, strict=True)
    ]


def latency(measured: Measurement, pictures: Sequence[Rgb]) -> dict[str, Any]:
    """Return the seconds of every stage, of the first call and of those that count, in both directions."""
    pixels = sum(rgb.shape[0] * rgb.shape[1] for rgb in pictures)
    found = {}
    for kind in KINDS:
        cold, warm = getattr(measured.cold, kind), getattr(measured.warm, kind)
        totals = warm[TOTAL]
        found[kind] = {
            "cold": {stage: seconds[0] for stage, seconds in cold.items()},
            "warm": {stage: summarise(seconds) for stage, seconds in warm.items()},
            "megapixels_per_second": 1e-6 * pixels * (len(totals) // len(pictures)) / sum(totals),
        }
    return found


def throughput(measured: Mapping[str, Sequence[Throughput]]) -> dict[str, Any]:
    """Return, for each direction and number of workers, medians over batches, and energies of one picture."""
    return {kind: [_workers(entry) for entry in entries] for kind, entries in measured.items()}


def _workers(entry: Throughput) -> dict[str, Any]:
    median = statistics.median(entry.seconds)
    pictures = entry.batch * len(entry.seconds)
    return {
        "workers": entry.workers,
        "threads": entry.threads,
        "batch": entry.batch,
        "batch_seconds": summarise(entry.seconds),
        "images_per_second": entry.batch / median,
        "megapixels_per_second": entry.megapixels / median,
        "joules_per_image": {meter: joules / pictures for meter, joules in entry.joules.items()},
    }


def cold_starts(starts: Sequence[Sequence[Start]]) -> dict[str, Any]:
    """Return seconds and peak memory of new processes, for each direction."""
    found = {}
    for kind, runs in zip(KINDS, starts, strict=True):
        peaks = [run.peak_bytes for run in runs if run.peak_bytes]
        seconds = [run.seconds for run in runs]
        found[kind] = {"seconds": summarise(seconds), "peak_memory_bytes": max(peaks, default=None)}
    return found


def jetson(board: Mapping[str, object], watched: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what a Jetson says of itself; None on other machines."""
    return {"board": dict(board), "tegrastats": watched and dict(watched)} if is_jetson(board) else None
