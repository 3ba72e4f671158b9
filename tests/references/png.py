"""PNG files written and read by the letter of the specification (W3C, third edition), slowly and without Pillow."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Adam7: first column and row, and steps, of each pass (8.1).
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def write_png(samples: np.ndarray, bits: int, colour_type: int, *chunks: bytes, interlaced: bool = False) -> bytes:
    """A PNG file of samples `[height, width, channels]`, with other chunks before the image data."""
    height, width, _ = samples.shape
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([bits, colour_type, 0, 0, interlaced])
    passes = PASSES if interlaced else [(0, 0, 1, 1)]
    lines = [b"\0" + packed(line, bits) for x, y, dx, dy in passes for line in samples[y::dy, x::dx] if line.size]
    body = chunk(b"IDAT", zlib.compress(b"".join(lines)))
    return SIGNATURE + chunk(b"IHDR", header) + b"".join(chunks) + body + chunk(b"IEND", b"")


def packed(line: np.ndarray, bits: int) -> bytes:
    digits = "".join(f"{int(sample):0{bits}b}" for sample in line.ravel())
    digits += "0" * (-len(digits) % 8)
    return int(digits, 2).to_bytes(len(digits) // 8, "big")


@dataclass(frozen=True)
class Png:
    samples: np.ndarray  # [height, width, channels], at the depth of the file
    bits: int
    colour_type: int
    chunks: dict[bytes, bytes]

    def rgba(self) -> np.ndarray:
        """The picture as uint8 `[height, width, 4]`, samples rounded to the nearest (13.12)."""
        top = (1 << self.bits) - 1
        scale = np.floor(255 * np.arange(top + 1) / top + 0.5).astype(np.uint8)
        key = self.chunks.get(b"tRNS")
        if self.colour_type == 3:
            palette = np.frombuffer(self.chunks[b"PLTE"], np.uint8).reshape(-1, 3)
            opacity = np.full(len(palette), 255, np.uint8)
            if key:
                opacity[: len(key)] = list(key)
            return np.dstack([palette[self.samples[..., 0]], opacity[self.samples[..., 0]]])
        levels = scale[self.samples]
        if self.colour_type in (4, 6):
            colours, alpha = levels[..., :-1], levels[..., -1]
        else:
            colours, alpha = levels, np.full(levels.shape[:2], 255, np.uint8)
            if key:
                transparent = np.frombuffer(key, ">u2") & top  # 11.3.1.1: only as many bits as samples have count
                alpha = np.where((self.samples == transparent).all(axis=2), np.uint8(0), np.uint8(255))
        return np.dstack([np.broadcast_to(colours, (*alpha.shape, 3)), alpha])


def read_png(data: bytes) -> Png:
    assert data.startswith(SIGNATURE)
    chunks: dict[bytes, bytes] = {}
    position = 8
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + size]
        chunks[kind] = chunks.get(kind, b"") + body
        position += 12 + size
    header = chunks[b"IHDR"]
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits, colour_type, interlaced = header[8], header[9], header[12]
    channels = CHANNELS[colour_type]
    inflated = zlib.decompress(chunks[b"IDAT"])
    samples = np.zeros((height, width, channels), np.uint16)
    position = 0
    for x, y, dx, dy in PASSES if interlaced else [(0, 0, 1, 1)]:
        part = samples[y::dy, x::dx]
        if not part.size:
            continue
        row = (part.shape[1] * channels * bits + 7) // 8
        above = bytearray(row)
        for line in part:
            above = unfiltered(inflated[position : position + 1 + row], above, max(1, channels * bits // 8))
            position += 1 + row
            line[...] = unpacked(above, bits)[: line.size].reshape(line.shape)
    return Png(samples, bits, colour_type, chunks)


def unfiltered(line: bytes, above: bytearray, step: int) -> bytearray:
    """One line with its filter undone (9.2)."""
    kind, out = line[0], bytearray(line[1:])
    for i in range(len(out)):
        a, b, c = (out[i - step], above[i], above[i - step]) if i >= step else (0, above[i], 0)
        out[i] = (out[i] + (0, a, b, (a + b) // 2, paeth(a, b, c))[kind]) & 255
    return out


def paeth(a: int, b: int, c: int) -> int:
    distances = abs(b - c), abs(a - c), abs(a + b - 2 * c)
    return (a, b, c)[distances.index(min(distances))]


def unpacked(line: bytearray, bits: int) -> np.ndarray:
    if bits == 16:
        return np.frombuffer(line, ">u2")
    return np.unpackbits(np.frombuffer(line, np.uint8)).reshape(-1, bits) @ (1 << np.arange(bits)[::-1])
