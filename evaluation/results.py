"""What a measurement found: one curve of one codec on one set of pictures. `storage.py` keeps it in files."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from licrt.runtime import machine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOTAL = "total"  # in seconds by stage: the whole call, which may be longer than its stages

Setting = str | int | float | bool | None


@dataclass(frozen=True)
class ImageResult:
    """One picture through one codec with one setting.

    Attributes:
        file: path of the picture below the folder of the set, with `/`.
        width, height: in pixels, upright.
        bytes: of the whole encoded file, headers and metadata too.
        psnr_rgb, psnr_yuv: in dB, infinite where the pictures are identical; `licrt.evaluation.metrics` defines them.
        ms_ssim: up to 1; None where a side is below 161 pixels, for which it is not defined.
        encode, decode: seconds by stage, and `total`.
        stream: path of the encoded file below the folder of the results; None if it was not kept.
    """

    file: str
    width: int
    height: int
    bytes: int
    psnr_rgb: float
    psnr_yuv: float
    ms_ssim: float | None
    encode: Mapping[str, float]
    decode: Mapping[str, float]
    stream: str | None = None

    @property
    def bpp(self) -> float:
        """Bits per pixel of the whole file."""
        return 8 * self.bytes / (self.width * self.height)

    @property
    def ms_ssim_db(self) -> float | None:
        """MS-SSIM in dB."""
        return None if self.ms_ssim is None else decibels(self.ms_ssim)


@dataclass(frozen=True)
class Failure:
    """A picture without a result, and why, in a line."""

    file: str
    error: str


@dataclass(frozen=True)
class Means:
    """Arithmetic means over pictures, as CompressAI takes them: of bpp and of dB, whatever the pictures' sizes.

    Attributes:
        images: how many pictures there are.
        left_out: by metric, how many of them its mean leaves out, since it is infinite or not defined there.
        ms_ssim_db: of the mean MS-SSIM, as CompressAI plots it; not the mean of the pictures' own.
    """

    images: int
    bpp: float
    psnr_rgb: float | None
    psnr_yuv: float | None
    ms_ssim: float | None
    ms_ssim_db: float | None
    encode: Mapping[str, float]
    decode: Mapping[str, float]
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class Point:
    """One setting of a codec.

    Attributes:
        settings: what makes this point, such as `{"model": "licrt2026-mse", "quality": 50}`.
        images: at least one, in order of their names.
        failures: pictures that are not among them.
    """

    settings: Mapping[str, Setting]
    images: Sequence[ImageResult]
    failures: Sequence[Failure] = ()

    @property
    def means(self) -> Means:
        """Means over the pictures."""
        bpp = statistics.fmean(image.bpp for image in self.images)
        metrics, left_out = {}, {}
        for metric in ("psnr_rgb", "psnr_yuv", "ms_ssim"):
            values = [getattr(image, metric) for image in self.images]
            finite = [value for value in values if value is not None and math.isfinite(value)]
            metrics[metric] = statistics.fmean(finite) if finite else None
            if len(finite) < len(values):
                left_out[metric] = len(values) - len(finite)
        ms_ssim = metrics["ms_ssim"]
        return Means(
            len(self.images),
            bpp,
            **metrics,
            ms_ssim_db=None if ms_ssim is None else decibels(ms_ssim),
            encode=_mean_seconds([image.encode for image in self.images]),
            decode=_mean_seconds([image.decode for image in self.images]),
            left_out=left_out,
        )


@dataclass(frozen=True)
class Dataset:
    """A set of pictures.

    Attributes:
        name: of its folder.
        images: how many there are.
        sha256: of the lines that `sha256sum` prints of them, in order of their names, relative to the folder.
    """

    name: str
    images: int
    sha256: str


@dataclass(frozen=True)
class Environment:
    """The machine and the software."""

    versions: Mapping[str, str]
    system: str
    cpu: str
    variables: Mapping[str, str]

    @staticmethod
    def here() -> Environment:
        """Describe the machine that this runs on."""
        return Environment(machine.versions(), machine.system(), machine.cpu_model(), machine.variables())


@dataclass(frozen=True)
class Curve:
    """What CompressAI's results JSON holds.

    Attributes:
        results: by metric, one number per point; `bpp` is always there.
    """

    name: str
    description: str
    results: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Results:
    """A curve with all that is needed to judge and repeat it.

    Attributes:
        name: of the curve.
        description: one line for people.
        codec: what encoded and decoded: name, version, engine, and settings that all points share.
        command: the command line.
        points: in order of their mean bpp.
    """

    name: str
    description: str
    codec: Mapping[str, Setting]
    command: str
    dataset: Dataset
    environment: Environment
    points: Sequence[Point]

    def curve(self) -> Curve:
        """Return the means as CompressAI has them; metrics that not all points have are left out."""
        means = [point.means for point in self.points]
        columns: dict[str, list[float | None]] = {
            "psnr-rgb": [each.psnr_rgb for each in means],
            "ms-ssim-rgb": [each.ms_ssim for each in means],
            "psnr-yuv": [each.psnr_yuv for each in means],
            "bpp": [each.bpp for each in means],
            "encoding_time": [each.encode.get(TOTAL) for each in means],
            "decoding_time": [each.decode.get(TOTAL) for each in means],
        }
        results = {name: [value for value in values if value is not None] for name, values in columns.items()}
        whole = {name: values for name, values in results.items() if len(values) == len(means)}
        return Curve(self.name, self.description, whole)


def _mean_seconds(calls: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of every stage that all calls have."""
    stages = [stage for stage in calls[0] if all(stage in call for call in calls)]
    return {stage: statistics.fmean(call[stage] for call in calls) for stage in stages}


def decibels(ms_ssim: float) -> float:
    """Return -10 log10(1 - MS-SSIM), which is infinite at 1.

    >>> round(decibels(0.99), 9), decibels(1.0)
    (20.0, inf)
    """
    return -10 * math.log10(1 - ms_ssim) if ms_ssim < 1 else math.inf
