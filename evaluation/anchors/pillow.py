"""JPEG, JPEG 2000, WebP and AVIF, as Pillow has them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, features
from PIL import __version__ as pillow_version

from licrt.evaluation.file_codec import FileCodec, Rgb
from licrt.runtime.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def jpeg() -> FileCodec:
    """Baseline JPEG with optimised Huffman tables; chroma halved, as in nearly all files."""
    return _codec(
        *("jpeg", "JPEG", "JPEG", ".jpg"),
        library=("jpg", "libjpeg_turbo"),
        options={"optimize": True, "subsampling": "4:2:0"},
        scale=(1, 95),
        qualities=(5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90),
    )


def jpeg2000() -> FileCodec:
    """JPEG 2000 with the 9/7 wavelet and luma and chroma apart, which Pillow does not ask for by itself.

    The encoder is given the PSNR to reach.
    """
    return _codec(
        *("jpeg2000", "JPEG 2000", "JPEG2000", ".jp2"),
        library=("jpg_2000", "jpg_2000"),
        options={"irreversible": True, "mct": 1, "quality_mode": "dB"},
        scale=(160, 600),
        qualities=range(260, 421, 20),
        parameter="tenths of dB",
        asked=lambda tenths: {"quality_layers": [tenths / 10]},
    )


def webp() -> FileCodec:
    """WebP with the slowest search; its chroma is always halved."""
    return _codec(
        *("webp", "WebP", "WEBP", ".webp"),
        library=("webp", "webp"),
        options={"method": 6},
        scale=(0, 100),
        qualities=(0, 10, 20, 35, 50, 65, 75, 85, 95),
    )


def avif() -> FileCodec:
    """AVIF of libaom with full chroma, which at equal rate has the higher PSNR of RGB; one thread.

    Its tune is the one for PSNR: libavif's own, for the eye, has half a dB less.
    """
    return _codec(
        *("avif", "AVIF", "AVIF", ".avif"),
        library=("avif", "avif"),
        options={"speed": 4, "subsampling": "4:4:4", "codec": "aom", "max_threads": 1, "advanced": {"tune": "psnr"}},
        scale=(0, 100),
        qualities=range(10, 91, 10),
    )


def _ask_quality(quality: int) -> dict[str, Any]:
    return {"quality": quality}


def _codec(
    name: str,
    title: str,
    format_: str,
    suffix: str,
    *,
    library: tuple[str, str],
    options: dict[str, Any],
    scale: tuple[int, int],
    qualities: Sequence[int],
    parameter: str = "quality",
    asked: Callable[[int], dict[str, Any]] = _ask_quality,
) -> FileCodec:
    if not features.check(library[0]):
        raise BackendError(f"{name}: this Pillow was built without {title}. Install the one of PyPI")

    def encode(rgb: Rgb, quality: int) -> bytes:
        file = io.BytesIO()
        Image.fromarray(rgb).save(file, format_, **options, **asked(quality))
        return file.getvalue()

    settings = ", ".join(f"{key}={option!r}" for key, option in options.items())
    return FileCodec(
        name,
        title,
        suffix,
        parameter,
        scale,
        qualities,
        f"Pillow {format_}, {settings}",
        f"Pillow {pillow_version}, {title} library {features.version(library[1])}",
        encode,
        _decode,
    )


def _decode(data: bytes, height: int, width: int) -> Rgb:  # noqa: ARG001
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"))
