"""What half precision costs, measured on photographs: bytes, decibels and levels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from licrt.export.check import PSNR_LIMIT_DB, RATE_LIMIT_PERCENT
from licrt.export.precision import emulate
from licrt.runtime import Codec
from licrt.runtime.backends import open_backend
from licrt.runtime.bundle import load_bundle
from licrt.runtime.errors import LicrtError, ModelError, first_line
from licrt.runtime.pixels import psnr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from licrt.export.calibration import Photo
    from licrt.runtime.backends import Backend, Session, Shapes


@dataclass(frozen=True)
class PrecisionCost:
    """Half precision against float32, means over the photographs; positive is worse.

    Attributes:
        rate_percent: extra bytes of an encoder in half precision.
        encode_db: PSNR that its streams lose, decoded in float32.
        decode_db: PSNR that streams of a float32 encoder lose, decoded in half precision.
        largest: difference of any sample between that and decoding in float32, in levels of 8 bits.
    """

    rate_percent: float
    encode_db: float
    decode_db: float
    largest: int

    @property
    def passes(self) -> bool:
        """Whether all limits hold: those of the integers (`licrt.export.check`), for each half on its own."""
        return self.rate_percent <= RATE_LIMIT_PERCENT and max(self.encode_db, self.decode_db) <= PSNR_LIMIT_DB

    @property
    def words(self) -> str:
        """What was measured, in one line."""
        return (
            f"encoding {self.rate_percent:+.3f} % rate and {self.encode_db:+.4f} dB, decoding {self.decode_db:+.4f} dB "
            f"and at most {self.largest} levels"
        )

    def entries(self) -> Mapping[str, float]:
        """Return the entries of a manifest."""
        return {name: round(value, 6) for name, value in asdict(self).items()}


class _Emulation:
    """A backend that rounds to half precision where its graphs have half types, and sums in float32."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner

    @property
    def accelerated(self) -> bool:
        return self._inner.accelerated

    def load(
        self, graph: bytes, name: str, shapes: Mapping[str, Shapes] | None = None, *, exact: bool = False
    ) -> Session:
        return self._inner.load(emulate(graph), name, shapes, exact=exact)

    def describe(self) -> Mapping[str, str | int]:
        return self._inner.describe()

    def shared_by(self, callers: int) -> Backend:
        return _Emulation(self._inner.shared_by(callers))


def emulated(directory: Path, threads: int) -> Codec:
    """Return a codec of a bundle that computes in the precision of its graphs, on any CPU, slowly."""
    return Codec(load_bundle(directory), _Emulation(open_backend("cpu", threads)), threads)


def measure(half: Path, whole: Path, photos: Sequence[Photo], threads: int) -> PrecisionCost:
    """Code photographs with a bundle in half precision and with the same one in float32.

    Args:
        half, whole: directories of the bundles, equal but for the precision of their graphs.
        photos: uint8 `[height, width, 3]`. Variable-rate models code each at another quality, best first.
        threads: for ONNX Runtime.

    Raises:
        ModelError: half precision overflows, or costs more than the limits; says what it cost.
    """
    reduced, exact = emulated(half, threads), Codec(load_bundle(whole), open_backend("cpu", threads), threads)
    variable = exact.info.rate_points > 1
    qualities = np.linspace(100, 0, len(photos)).round().astype(int).tolist() if variable else [None] * len(photos)
    sizes, losses, largest = [], [], 0
    precision = load_bundle(half).graphs["synthesis"].precision
    try:
        for photo, quality in zip(photos, qualities, strict=True):
            expected, found = exact.encode(photo, quality=quality), reduced.encode(photo, quality=quality)
            best, other = exact.decode(expected), reduced.decode(expected)
            sizes.append((len(expected), len(found)))
            losses.append([psnr(photo, best) - psnr(photo, each) for each in (exact.decode(found), other)])
            largest = max(largest, int(np.abs(best.astype(np.int16) - other).max()))
    except LicrtError as error:
        raise ModelError(
            f"in {precision} the model fails on photographs ({first_line(error)}); export with --precision fp32"
        ) from error
    expected_bytes, found_bytes = np.sum(sizes, axis=0).tolist()
    encode_db, decode_db = np.mean(losses, axis=0).tolist()
    cost = PrecisionCost(100 * (found_bytes / expected_bytes - 1), encode_db, decode_db, largest)
    if not cost.passes:
        raise ModelError(
            f"{precision} costs too much: {cost.words}; at most {RATE_LIMIT_PERCENT} % rate and {PSNR_LIMIT_DB} dB are "
            f"right. Export with --precision {'bf16 or fp32' if precision == 'fp16' else 'fp16 or fp32'}, or --no-check"
        )
    return cost
