"""TIFF files (TIFF 6.0) of every layout, byte by byte: most of them Pillow reads but does not write."""

from __future__ import annotations

import struct
import zlib

import numpy as np

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK, YCBCR, LAB = 0, 1, 2, 5, 6, 8
MULTIPLIED, UNRELATED = 1, 2  # what an extra sample is: alpha that colours were multiplied by, or not
_CODES = {3: "H", 4: "I"}


def write_tiff(
    samples: np.ndarray,
    photometric: int,
    *,
    order: str = "<",
    extra: tuple[int, ...] = (),
    separate: bool = False,
    compressed: bool = False,
    bits: int | None = None,
    sample_format: int = 1,
    tags: tuple[tuple[int, int, list[int]], ...] = (),
) -> bytes:
    """A TIFF file of samples `[height, width, channels]` in one strip, or one strip per plane, with other tags."""
    height, width, channels = samples.shape
    data = samples.astype(samples.dtype.newbyteorder(order))
    strips = [np.ascontiguousarray(plane).tobytes() for plane in (np.moveaxis(data, 2, 0) if separate else [data])]
    if bits == 12:
        strips = [b"".join(twelve_bits(row) for row in samples.reshape(height, -1))]
    if compressed:
        strips = [zlib.compress(strip) for strip in strips]
    entries = [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [bits or 8 * samples.dtype.itemsize] * channels),
        (259, 3, [8 if compressed else 1]),
        (262, 3, [photometric]),
        (273, 4, [0] * len(strips)),
        (277, 3, [channels]),
        (278, 4, [height]),
        (279, 4, [len(strip) for strip in strips]),
        (284, 3, [2 if separate else 1]),
        (339, 3, [sample_format] * channels),
        *([(338, 3, list(extra))] if extra else []),
        *tags,
    ]
    start = 8 + 2 + 12 * len(entries) + 4
    outside = bytearray()

    def place(body: bytes) -> int:
        position = start + len(outside)
        outside.extend(body + b"\0" * (len(body) % 2))
        return position

    positions = [place(strip) for strip in strips]
    directory = struct.pack(order + "H", len(entries))
    for tag, kind, values in sorted(entries):
        numbers = positions if tag == 273 else values
        body = struct.pack(f"{order}{len(numbers)}{_CODES[kind]}", *numbers)
        if len(body) > 4:
            body = struct.pack(order + "I", place(body))
        directory += struct.pack(order + "HHI", tag, kind, len(numbers)) + body.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "I", 8) + directory + bytes(4) + bytes(outside)


def twelve_bits(row: np.ndarray) -> bytes:
    digits = "".join(f"{int(sample):012b}" for sample in row)
    digits += "0" * (-len(digits) % 8)
    return int(digits, 2).to_bytes(len(digits) // 8, "big")
