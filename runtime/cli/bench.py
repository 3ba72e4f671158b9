"""`lic-run bench`."""

from __future__ import annotations

import json
import shlex
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from licrt.runtime import machine
from licrt.runtime.cli import options
from licrt.runtime.errors import PictureError
from licrt.runtime.files import read_picture_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from licrt.runtime.bench import Measurement, Rgb
    from licrt.runtime.codec import Codec


@click.command("bench")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@options.encoder_model
@click.option("--warmup", type=click.IntRange(min=0), default=2, show_default=True, help="Calls that do not count.")
@click.option("--repeat", type=click.IntRange(min=1), default=10, show_default=True, help="Calls per image that count.")
@options.max_pixels
@options.device
@options.threads
@options.as_json
def command(
    images: Sequence[str],
    model: str,
    warmup: int,
    repeat: int,
    max_pixels: int,
    device: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure encoding and decoding, stage by stage.

    Cold is the first call after loading the model; warm are the calls that count. Files are read beforehand.
    """
    from licrt.runtime.bench import measure
    from licrt.runtime.codec import Codec

    pictures = [_read(image, max_pixels) for image in images]
    begin = time.perf_counter()
    codec = Codec.load(model, device, threads)
    loading = time.perf_counter() - begin
    report = _report(codec, images, pictures, loading, measure(codec, pictures, warmup=warmup, repeat=repeat))
    click.echo(json.dumps(report, indent=2) if as_json else _table(report))


def _read(image: str, max_pixels: int) -> Rgb:
    from licrt.runtime.picture import read_picture

    data = read_picture_file(image)
    try:
        return read_picture(data, max_pixels).rgb
    except PictureError as error:
        raise PictureError(f"{image}: {error}") from error


def _report(
    codec: Codec, images: Sequence[str], pictures: Sequence[Rgb], loading: float, measured: Measurement
) -> dict[str, Any]:
    """Collect everything that a reader needs to judge or repeat the numbers. Times are in seconds."""
    from licrt.runtime.bench import TOTAL, summarise

    pixels = [rgb.shape[0] * rgb.shape[1] for rgb in pictures]
    report: dict[str, Any] = {
        "command": shlex.join(["lic-run", *sys.argv[1:]]),
        "versions": machine.versions(),
        "system": machine.system(),
        "cpu": machine.cpu_model(),
        "environment": machine.variables(),
        "engine": dict(codec.engine),
        "model": {"name": codec.info.name, "id": codec.info.id},
        "images": [
            {"file": file, "width": rgb.shape[1], "height": rgb.shape[0], "bytes": size, "bpp": 8 * size / count}
            for file, rgb, size, count in zip(images, pictures, measured.stream_bytes, pixels, strict=True)
        ],
        "load": loading,
    }
    for kind in ("encode", "decode"):
        cold, warm = getattr(measured.cold, kind), getattr(measured.warm, kind)
        totals = warm[TOTAL]
        report[kind] = {
            "cold": {stage: seconds[0] for stage, seconds in cold.items()},
            "warm": {stage: summarise(seconds) for stage, seconds in warm.items()},
            "megapixels_per_second": 1e-6 * sum(pixels) * (len(totals) // len(pixels)) / sum(totals),
        }
    report["peak_memory_bytes"] = machine.peak_memory()
    return report


def _table(report: Mapping[str, Any]) -> str:
    engine = ", ".join(f"{key} {value}" for key, value in report["engine"].items())
    lines = [
        f"licrt {report['versions']['licrt']}, model {report['model']['name']} ({report['model']['id'][:8]}), {engine}",
        f"{report['cpu']}, {report['system']}",
        *(
            f"{i['file']}: {i['width']} x {i['height']}, {i['bytes']:,} bytes, {i['bpp']:.3f} bpp"
            for i in report["images"]
        ),
        f"load {1e3 * report['load']:.1f} ms",
    ]
    for kind in ("encode", "decode"):
        part = report[kind]
        columns = ("min", "mean", "p50", "p90", "p99", "max")
        count = part["warm"]["total"]["n"]
        lines += ["", f"{kind + ' [ms]':<18}{'cold':>10}" + "".join(f"{column:>10}" for column in columns)]
        for stage, warm in part["warm"].items():
            times = [part["cold"].get(stage), *(warm[column] for column in columns)]
            lines.append(f"{stage:<18}" + "".join(f"{_milliseconds(seconds):>10}" for seconds in times))
        lines.append(f"{part['megapixels_per_second']:.2f} MP/s over {count} calls")
    memory = report["peak_memory_bytes"]
    lines += ["", f"peak memory {memory / 2**20:.0f} MiB" if memory else "peak memory n/a"]
    return "\n".join(lines)


def _milliseconds(seconds: float | None) -> str:
    return "n/a" if seconds is None else f"{1e3 * seconds:.2f}"
