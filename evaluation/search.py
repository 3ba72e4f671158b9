"""The setting of a codec whose file comes closest to a rate or to a quality: bisection over its integer scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from licrt.runtime.pixels import psnr

if TYPE_CHECKING:
    from licrt.evaluation.file_codec import FileCodec, Rgb

Target = Literal["bpp", "psnr"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """One file of a picture: the codec's integer, its bytes, what they decode to, and what both are worth."""

    quality: int
    data: bytes
    rgb: Rgb
    bpp: float
    psnr: float


def find_close(codec: FileCodec, rgb: Rgb, target: Target, value: float) -> Candidate:
    """Return the file that comes closest to a target, of those that a bisection tries.

    Rates and qualities are taken to rise along the codec's scale. Where they do not, another setting may come closer.

    Args:
        codec: whose integer is searched.
        rgb: uint8 `[height, width, 3]`.
        target: `bpp`, bits per pixel of the whole file, or `psnr`, in dB over RGB.
        value: of the target.

    Raises:
        LicrtError: whatever the codec raises.
    """
    worst, best = codec.scale
    step = 1 if best >= worst else -1
    tried: dict[int, Candidate] = {}

    def at(position: int) -> float:
        if position not in tried:
            tried[position] = encode(codec, rgb, worst + step * position)
        return float(getattr(tried[position], target))

    low, high = 0, abs(best - worst)
    while low < high:
        middle = (low + high) // 2
        if at(middle) < value:
            low = middle + 1
        else:
            high = middle
    at(low)
    return min(tried.values(), key=lambda each: abs(getattr(each, target) - value))


def encode(codec: FileCodec, rgb: Rgb, quality: int) -> Candidate:
    """Return what a codec makes of a picture with one setting."""
    height, width = rgb.shape[:2]
    data = codec.encode(rgb, quality)
    decoded = codec.decode(data, height, width)
    return Candidate(quality, data, decoded, 8 * len(data) / (height * width), psnr(rgb, decoded))
