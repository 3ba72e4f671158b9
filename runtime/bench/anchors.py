"""The model beside Pillow's AVIF, WebP and JPEG at about the same file size, and beside a matrix product, all in turns.

Milliseconds are those of one machine on one day. The ratios within a turn are what carries over to another one.
"""

from __future__ import annotations

import io
import statistics
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from licrt.runtime.bench.latency import summarise
from licrt.runtime.bench.limits import Probe
from licrt.runtime.bench.work import work_of
from licrt.runtime.errors import first_line
from licrt.runtime.timing import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from licrt.runtime.bench.latency import Rgb, Timed
    from licrt.runtime.bundle import Bundle

_Call = Callable[[], object]
_STAGES = {"encode": ("analysis", "hyper-analysis", "entropy-encode"), "decode": ("entropy-decode", "synthesis")}


@dataclass(frozen=True)
class Anchor:
    """One of Pillow's codecs: its format there, the options it is called with, and its highest quality, from 0."""

    format: str
    options: Mapping[str, Any]
    best: int

    def encode(self, rgb: Rgb, quality: int) -> bytes:
        """Return the file of a picture."""
        file = io.BytesIO()
        Image.fromarray(rgb).save(file, self.format, quality=quality, **self.options)
        return file.getvalue()

    def decode(self, data: bytes) -> Rgb:
        """Return the picture of a file."""
        with Image.open(io.BytesIO(data), formats=[self.format]) as image:
            return np.asarray(image.convert("RGB"))


@dataclass
class _Row:
    """What is known of one line of the table: bytes of all pictures, and seconds of every turn."""

    name: str
    settings: str
    sizes: list[int] = field(default_factory=list)
    qualities: list[int] = field(default_factory=list)
    encode: list[float] = field(default_factory=list)
    decode: list[float] = field(default_factory=list)

    def add(self, encode: float, decode: float) -> None:
        self.encode.append(encode)
        self.decode.append(decode)


def open_anchors(names: Sequence[str], threads: int) -> tuple[dict[str, Anchor], dict[str, str]]:
    """Return those of the named codecs that this Pillow has, and why others are missing: of avif, webp and jpeg.

    Only AVIF's encoder takes a number of threads; the other two use one. AVIF is decoded with one for each CPU.

    >>> sorted(open_anchors(["jpeg"], threads=2)[0])
    ['jpeg']
    """
    every = {
        "avif": Anchor("AVIF", {"speed": 6, "max_threads": threads}, 100),
        "webp": Anchor("WEBP", {"method": 6}, 100),
        "jpeg": Anchor("JPEG", {"optimize": True}, 95),  # beyond 95 files grow and pictures do not improve
    }
    Image.init()
    found = {name: every[name] for name in names if every[name].format in Image.SAVE}
    missing = {
        name: f"this Pillow has no {every[name].format}; install a newer one from PyPI"
        for name in names
        if name not in found
    }
    return found, missing


def closest(anchor: Anchor, rgb: Rgb, size: int) -> tuple[int, bytes]:
    """Return the quality whose file comes closest to a size in bytes, of those that a bisection tries, and the file."""
    low, high = 0, anchor.best
    tried = []
    while low <= high:
        middle = (low + high) // 2
        data = anchor.encode(rgb, middle)
        tried.append((middle, data))
        low, high = (middle + 1, high) if len(data) < size else (low, middle - 1)
    return min(tried, key=lambda each: abs(len(each[1]) - size))


def beside(
    codec: Timed, bundle: Bundle, pictures: Sequence[Rgb], names: Sequence[str], threads: int, repeat: int
) -> dict[str, Any]:
    """Encode and decode every picture with the model and with each codec in turns, `repeat` times after one.

    A turn has a matrix product, too; its rate says how long one with as many multiplications as the model's layers have
    would take.

    Args:
        codec: what encodes and decodes with the model.
        bundle: of that model, which says how many multiplications its layers have.
        pictures: uint8 `[height, width, 3]` each.
        names: of codecs, as `open_anchors` takes them.
        threads: of the model, of AVIF's encoder, and of the matrix product.
        repeat: turns for each picture.

    Returns:
        `missing`, name to reason, and `rows`: the model's first, the matrix product's last (docs/benchmarking.md).
    """
    anchors, missing = open_anchors(names, threads)
    streams = [codec.encode(rgb) for rgb in pictures]
    model = _Row(bundle.name, "", list(map(len, streams)))
    rows = [model]
    runs: list[list[tuple[_Call, _Call]]] = [
        [(partial(codec.encode, rgb), partial(codec.decode, data))] for rgb, data in zip(pictures, streams, strict=True)
    ]
    for name, anchor in anchors.items():
        try:
            files = [closest(anchor, rgb, len(data)) for rgb, data in zip(pictures, streams, strict=True)]
            anchor.decode(max((data for _, data in files), key=len))
        except (OSError, ValueError, RuntimeError, Image.DecompressionBombError) as error:  # over a limit of theirs
            missing[name] = first_line(error)
            continue
        settings = ", ".join(f"{key}={value}" for key, value in anchor.options.items())
        rows.append(_Row(name, settings, [len(data) for _, data in files], [quality for quality, _ in files]))
        for calls, rgb, (quality, data) in zip(runs, pictures, files, strict=True):
            calls.append((partial(anchor.encode, rgb, quality), partial(anchor.decode, data)))
    product = _Row("sgemm", "as many multiplications")
    with closing(Probe(threads)) as probe:
        for rgb, data, calls in zip(pictures, streams, runs, strict=True):
            flop = _flop(bundle, rgb, len(data))
            for turn in range(repeat + 1):
                times = [(seconds(encode), seconds(decode)) for encode, decode in calls]
                rate = probe.product_rate()
                if turn:
                    for row, pair in zip(rows, times, strict=True):
                        row.add(*pair)
                    if flop:
                        product.add(*(count / rate for count in flop))
    pixels = sum(rgb.shape[0] * rgb.shape[1] for rgb in pictures)
    shown = [*rows, product] if product.encode else rows
    return {"missing": missing, "rows": [_described(row, model, pixels) for row in shown]}


def _flop(bundle: Bundle, rgb: Rgb, stream_bytes: int) -> tuple[int, int] | None:
    """Return operations to encode and to decode; None where the bundle does not tell them."""
    work = work_of(bundle, rgb.shape[0], rgb.shape[1], stream_bytes)
    counted = {stage: each.flop for stage, each in work.items() if each is not None}
    if len(counted) < len(work):
        return None
    encode, decode = (sum(counted.get(stage, 0) for stage in stages) for stages in _STAGES.values())
    return encode, decode


def _described(row: _Row, model: _Row, pixels: int) -> dict[str, Any]:
    directions = {
        kind: {
            "seconds": summarise(getattr(row, kind)),
            "ratio": statistics.median(
                ours / theirs for ours, theirs in zip(getattr(model, kind), getattr(row, kind), strict=True)
            ),
        }
        for kind in _STAGES
    }
    return {
        "name": row.name,
        "settings": row.settings,
        "qualities": row.qualities,
        "bytes": sum(row.sizes) or None,
        "bpp": 8 * sum(row.sizes) / pixels or None,
        **directions,
    }
