"""CompressAI and licrt on the same checkpoint and pictures: bytes, PSNR, and the time from picture to picture.

Sizes are of real files: the whole `.lci` stream against CompressAI's strings, which have no header at all. Times are
from 8-bit pixels in memory to bytes in memory, and back, on both sides.
"""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from licrt.evaluation.peers.pairs import interleaved
from licrt.runtime.files import read_picture_file
from licrt.runtime.picture import read_picture
from licrt.runtime.timing import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from licrt.evaluation.peers.oracle.oracle_protocol import Oracle
    from licrt.evaluation.peers.pairs import Pairs
    from licrt.runtime import Codec

# The bounds of the exporter's check, and what a stream's header and sections may take.
RATE_LIMIT, HEADER_BYTES, PSNR_LIMIT = 1.005, 100, 0.02


@dataclass(frozen=True)
class Both:
    """One picture by both. Bytes of the stream and of CompressAI's strings; PSNR in dB over 8-bit RGB."""

    picture: str
    pixels: int
    ours_bytes: int
    theirs_bytes: int
    ours_psnr: float
    theirs_psnr: float


def code_both(codec: Codec, oracle: Oracle, picture: Path, level: int | None = None) -> Both:
    """Code one picture with both.

    Args:
        codec: of the checkpoint that the oracle has loaded.
        oracle: with `load` called.
        picture: a file that both read as 8-bit RGB without turning or converting it.
        level: trained level of a variable-rate model, 0 to 7.
    """
    theirs = oracle("compress", path=str(picture), **_levels(level)) | oracle("decompress")
    rgb = _pixels(picture)
    data = codec.encode(rgb, quality=_quality(level))
    decoded = codec.decode(data)
    pixels = rgb.shape[0] * rgb.shape[1]
    return Both(picture.stem, pixels, len(data), theirs["bytes"], _psnr(rgb, decoded), theirs["psnr"])


def summary(rows: Sequence[Both]) -> dict[str, Any]:
    """Return means over pictures, the excess of all bytes together, and whether any picture is beyond a limit."""
    means = {
        name: statistics.fmean(getattr(row, name) for row in rows)
        for name in ("ours_bytes", "theirs_bytes", "ours_psnr", "theirs_psnr")
    }
    return {
        "pictures": [asdict(row) for row in rows],
        **means,
        "ours_bpp": statistics.fmean(8 * row.ours_bytes / row.pixels for row in rows),
        "theirs_bpp": statistics.fmean(8 * row.theirs_bytes / row.pixels for row in rows),
        "excess_percent": 100 * (means["ours_bytes"] / means["theirs_bytes"] - 1),
        "largest_excess_bytes": max(row.ours_bytes - RATE_LIMIT * row.theirs_bytes for row in rows),
        "largest_psnr_loss": max(row.theirs_psnr - row.ours_psnr for row in rows),
    }


def time_both(codec: Codec, oracle: Oracle, picture: Path, pairs: int, level: int | None = None) -> dict[str, Pairs]:
    """Encode and decode one picture with both, in interleaved pairs."""
    rgb, quality = _pixels(picture), _quality(level)
    data = codec.encode(rgb, quality=quality)

    def compress() -> float:
        return float(oracle("compress", path=str(picture), **_levels(level))["seconds"][0])

    def decompress() -> float:
        return float(oracle("decompress")["seconds"][0])

    encoding = interleaved(lambda: seconds(lambda: codec.encode(rgb, quality=quality)), compress, pairs)
    return {"encode": encoding, "decode": interleaved(lambda: seconds(lambda: codec.decode(data)), decompress, pairs)}


def stages(codec: Codec, picture: Path, repeat: int, level: int | None = None) -> dict[str, float]:
    """Return the median seconds of each of our stages."""
    rgb, quality = _pixels(picture), _quality(level)
    found: dict[str, list[float]] = {}

    def note(stage: str, taken: float) -> None:
        found.setdefault(stage, []).append(taken)

    for _ in range(repeat):
        codec.decode(codec.encode(rgb, quality=quality, on_stage=note), on_stage=note)
    return {stage: statistics.median(taken) for stage, taken in found.items() if stage != "container"}


def _pixels(picture: Path) -> NDArray[np.uint8]:
    return read_picture(read_picture_file(str(picture))).rgb


def _levels(level: int | None) -> dict[str, int]:
    """Name a trained level to CompressAI."""
    return {} if level is None else {"s": level}


def _quality(level: int | None) -> int | None:
    """Return the quality that picks a trained level: the gains are evenly spaced in their logarithm."""
    return None if level is None else round(100 * level / 7)


def _psnr(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    error = float(np.mean((original.astype(np.float64) - decoded) ** 2))
    return float(10 * np.log10(255**2 / error)) if error else float("inf")
