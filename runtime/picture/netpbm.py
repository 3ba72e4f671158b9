r"""PBM, PGM, PPM and PAM files (netpbm.sourceforge.net/doc), which is what pipes carry.

Pillow does not know PAM, and takes 2 µs for a pixel of more than 8 bits.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from licrt.runtime.container import check_size
from licrt.runtime.errors import PictureError
from licrt.runtime.memory import expect_memory
from licrt.runtime.picture.alpha import write_unless_opaque
from licrt.runtime.picture.base import DEEP, FIRST, Picture, other_kind, rounded, strips

_Samples = npt.NDArray[Any]
_HEADER_BYTES = 1 << 16
_MAGIC = re.compile(rb"P[1-7Ff](?=[\s#])")
_NUMBER = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])+(\d{1,10})")
_LINE = re.compile(rb"[ \t]*(?:#[^\n]*|(\w+)[ \t]*([^\n]*))\n")


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    depth: int  # samples per pixel
    maximum: int
    start: int  # of the samples


def is_netpbm(data: bytes) -> bool:
    r"""Tell whether a file starts as these do.

    >>> is_netpbm(b"P6 2 1 255 "), is_netpbm(b"P7\nWIDTH 2"), is_netpbm(b"Portable")
    (True, True, False)
    """
    return _MAGIC.match(data) is not None


def read_netpbm(data: bytes, max_pixels: int) -> Picture:
    """Read such a file.

    Raises:
        PictureError: damaged, cut short, too large, or of floating-point samples.

    >>> read_netpbm(b"P2 3 1 15  0 7 15", 10).rgb[:, :, 0].tolist()
    [[0, 119, 255]]
    """
    kind, header = _opened(data)
    check_size(header.width, header.height, max_pixels)
    if not (header.width and header.height and 1 <= header.depth <= 4 and 1 <= header.maximum <= 65535):
        raise PictureError(f"damaged: {header.depth} samples per pixel, from 0 to {header.maximum}")
    expect_memory(3 * header.width * header.height, f"reading {header.width} x {header.height} pixels")
    samples, end = {"1": _plain_bits, "2": _plain, "3": _plain, "4": _bits}.get(kind, _raw)(data, header)
    table = rounded(header.maximum, 1 << 8 * samples.itemsize)
    if kind in "14":  # 1 is black
        table = 255 - table
    colours, alpha = (3 if header.depth > 2 else 1), header.depth % 2 == 0
    rgb = np.empty((header.height, header.width, 3), np.uint8)
    opacity = np.empty((header.height, header.width), np.uint8) if alpha else None
    for _, top, _, bottom in strips(header.width, header.height):
        levels = table[samples[top:bottom]]
        rgb[top:bottom] = levels[..., :colours]
        if opacity is not None:
            opacity[top:bottom] = levels[..., -1]
    notes = [note for note, holds in ((FIRST, is_netpbm(data[end : end + 3])), (DEEP, header.maximum > 255)) if holds]
    return Picture(rgb, alpha=None if opacity is None else write_unless_opaque(opacity), notes=tuple(notes))


def netpbm_size(data: bytes) -> tuple[int, int]:
    """Return the width and height of such a file.

    Raises:
        PictureError: its header is damaged, or of floating-point samples.

    >>> netpbm_size(b"P2 3 1 15  0 7 15")
    (3, 1)
    """
    header = _opened(data)[1]
    return header.width, header.height


def _opened(data: bytes) -> tuple[str, _Header]:
    kind = chr(data[1])
    if kind in "Ff":
        raise other_kind("floating-point samples")
    return kind, _pam_header(data) if kind == "7" else _header(data, kind)


def _header(data: bytes, kind: str) -> _Header:
    numbers: list[int] = []
    position = 2
    for _ in range(2 if kind in "14" else 3):
        match = _NUMBER.match(data, position, _HEADER_BYTES)
        if not match:
            raise PictureError(f"damaged: number {len(numbers) + 1} of its header is missing")
        numbers.append(int(match[1]))
        position = match.end()
    width, height, *maximum = numbers
    return _Header(width, height, 3 if kind in "36" else 1, maximum[0] if maximum else 1, position + 1)


def _pam_header(data: bytes) -> _Header:
    fields: dict[bytes, int] = {}
    position = 3
    while match := _LINE.match(data, position, _HEADER_BYTES):
        position = match.end()
        if match[1] == b"ENDHDR":
            break
        if match[1] in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL") and match[2].strip().isdigit():
            fields[match[1]] = int(match[2][:11])
    if not match or len(fields) < 4:
        raise PictureError("damaged: its PAM header has no end, or a number is missing")
    return _Header(fields[b"WIDTH"], fields[b"HEIGHT"], fields[b"DEPTH"], fields[b"MAXVAL"], position)


def _raw(data: bytes, header: _Header) -> tuple[_Samples, int]:
    kind = np.dtype(">u2" if header.maximum > 255 else np.uint8)
    shape = header.height, header.width, header.depth
    end = header.start + header.height * header.width * header.depth * kind.itemsize
    _expect_bytes(data, end)
    return np.frombuffer(memoryview(data)[header.start : end], kind).reshape(shape), end


def _bits(data: bytes, header: _Header) -> tuple[_Samples, int]:
    row = (header.width + 7) // 8
    end = header.start + header.height * row
    _expect_bytes(data, end)
    packed = np.frombuffer(memoryview(data)[header.start : end], np.uint8).reshape(header.height, row)
    return np.unpackbits(packed, axis=1)[:, : header.width, None], end


def _plain_bits(data: bytes, header: _Header) -> tuple[_Samples, int]:
    digits = _text(data, header).translate(None, b" \t\r\n\v\f")
    count = header.height * header.width
    samples = np.frombuffer(digits[:count], np.uint8) - ord("0")
    if samples.size < count or (samples > 1).any():
        raise PictureError("damaged or cut short: it has too few bits, or other characters")
    return samples.reshape(header.height, header.width, 1), len(data)


def _plain(data: bytes, header: _Header) -> tuple[_Samples, int]:
    shape = header.height, header.width, header.depth
    count = shape[0] * shape[1] * shape[2]
    _expect_bytes(data, header.start + 2 * count - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            samples = np.fromstring(_text(data, header), np.int32, count, sep=" ")
        except (ValueError, DeprecationWarning) as error:
            raise PictureError("damaged or cut short: it has too few numbers, or other characters") from error
    if samples.size < count or (samples < 0).any() or (samples > header.maximum).any():
        raise PictureError(f"damaged or cut short: expected {count} numbers from 0 to {header.maximum}")
    return samples.astype(np.uint16).reshape(shape), len(data)


def _text(data: bytes, header: _Header) -> bytes:
    return re.sub(rb"#[^\r\n]*", b"", data[header.start :])


def _expect_bytes(data: bytes, end: int) -> None:
    if len(data) < end:
        raise PictureError(f"the picture is cut short: {len(data):,} bytes of {end:,} are there")
