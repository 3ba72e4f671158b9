"""Results in files: JSON that is CompressAI's results JSON, with everything that this has no place for under `licrt`.

So CompressAI's plot tool reads what is written here, and `read_curve` reads what CompressAI and others published.
docs/evaluation.md has the fields. Numbers that are infinite or not defined are null, as JSON has neither.
"""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from licrt.evaluation.results import Curve, Dataset, Environment, Failure, ImageResult, Point, Results
from licrt.runtime.errors import LicrtError, PictureError
from licrt.runtime.files import write_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from licrt.evaluation.results import Means

VERSION = 1


class ResultsError(LicrtError, OSError):
    """A file of results is damaged, or of a version that this licrt does not know."""

    exit_code = 6


def write_results(path: str | Path, results: Results) -> None:
    """Write results, whole or not at all, replacing what is there.

    Raises:
        PictureError: the file cannot be written.
    """
    text = json.dumps(results_to_json(results), indent=1, allow_nan=False, ensure_ascii=False)
    write_file(str(path), f"{text}\n".encode(errors="surrogateescape"), force=True)


def read_results(path: str | Path) -> Results:
    """Read what `write_results` wrote.

    Raises:
        PictureError: the file cannot be read.
        ResultsError: it holds something else.
    """
    data = _load(path)
    with _explained(path):
        if "licrt" not in data:
            raise ValueError("it has a curve at most, and no licrt block. Measure again with lic-eval")
        return results_from_json(data)


def read_curve(path: str | Path) -> Curve:
    """Read a curve: licrt's results, CompressAI's, or published ones in the same form.

    Raises:
        PictureError: the file cannot be read.
        ResultsError: it holds no curve.
    """
    data = _load(path)
    with _explained(path):
        columns = {name: [float(value) for value in values] for name, values in data["results"].items()}
        if "bpp" not in columns or len({len(values) for values in columns.values()}) != 1 or not columns["bpp"]:
            raise ValueError("expected lists of equal length under results, one of them bpp")
        return Curve(str(data.get("name", Path(path).stem)), str(data.get("description", "")), columns)


def results_to_json(results: Results) -> dict[str, Any]:
    """Return results as JSON has them."""
    curve = results.curve()
    return {
        "name": curve.name,
        "description": curve.description,
        "results": curve.results,
        "licrt": {
            "version": VERSION,
            "command": results.command,
            "codec": results.codec,
            "dataset": asdict(results.dataset),
            "environment": asdict(results.environment),
            "points": [
                {
                    "settings": point.settings,
                    "means": _means_to_json(point.means),
                    "images": [image_to_json(image) for image in point.images],
                    "failures": [asdict(failure) for failure in point.failures],
                }
                for point in results.points
            ],
        },
    }


def results_from_json(data: Mapping[str, Any]) -> Results:
    """Return results from their JSON; raises KeyError, TypeError or ValueError where it is something else."""
    block = data["licrt"]
    if block["version"] != VERSION:
        raise ValueError(f"it is of version {block['version']}, and this licrt knows {VERSION}. Use the newer licrt")
    points = tuple(
        Point(
            dict(point["settings"]),
            tuple(image_from_json(image) for image in point["images"]),
            tuple(Failure(**failure) for failure in point["failures"]),
        )
        for point in block["points"]
    )
    return Results(
        str(data["name"]),
        str(data["description"]),
        dict(block["codec"]),
        str(block["command"]),
        Dataset(**block["dataset"]),
        Environment(**block["environment"]),
        points,
    )


def image_to_json(image: ImageResult) -> dict[str, Any]:
    """Return one picture's result as JSON has it, with what follows from the rest: bpp and MS-SSIM in dB."""
    return {
        "file": image.file,
        "width": image.width,
        "height": image.height,
        "bytes": image.bytes,
        "bpp": image.bpp,
        "psnr_rgb": _finite(image.psnr_rgb),
        "psnr_yuv": _finite(image.psnr_yuv),
        "ms_ssim": image.ms_ssim,
        "ms_ssim_db": _finite(image.ms_ssim_db),
        "seconds": {"encode": dict(image.encode), "decode": dict(image.decode)},
        "stream": image.stream,
    }


def image_from_json(data: Mapping[str, Any]) -> ImageResult:
    """Return one picture's result; raises KeyError, TypeError or ValueError where it is something else."""
    width, height, size = (int(data[name]) for name in ("width", "height", "bytes"))
    if width < 1 or height < 1 or size < 0:
        raise ValueError(f"{data['file']} is {width} x {height} pixels in {size} bytes")
    encode, decode = (
        {str(stage): float(seconds) for stage, seconds in data["seconds"][kind].items()}
        for kind in ("encode", "decode")
    )
    psnr_rgb, psnr_yuv = (math.inf if data[name] is None else float(data[name]) for name in ("psnr_rgb", "psnr_yuv"))
    ms_ssim = None if data["ms_ssim"] is None else float(data["ms_ssim"])
    stream = None if data["stream"] is None else str(data["stream"])
    return ImageResult(str(data["file"]), width, height, size, psnr_rgb, psnr_yuv, ms_ssim, encode, decode, stream)


def _means_to_json(means: Means) -> dict[str, Any]:
    values = asdict(means)
    seconds = {"encode": values.pop("encode"), "decode": values.pop("decode")}
    return {**values, "ms_ssim_db": _finite(means.ms_ssim_db), "seconds": seconds}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _load(path: str | Path) -> Mapping[str, Any]:
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise PictureError(f"cannot read {path}: {error.strerror}") from error
    with _explained(path):
        data = json.loads(text)
        if not isinstance(data, dict):
            raise TypeError("expected a JSON object")
        return data


@contextmanager
def _explained(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ResultsError(f"{path} is no file of results: {what}") from error
