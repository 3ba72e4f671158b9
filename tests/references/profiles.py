"""ICC profiles (ICC.1:2010) of colour spaces that Pillow makes none for."""

from __future__ import annotations

import itertools
import struct


def profile(space: bytes, tags: dict[bytes, bytes], connection: bytes, device: bytes = b"prtr") -> bytes:
    """A version 2 profile with these tags."""
    offset = 128 + 4 + 12 * len(tags)
    table, bodies = struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        padded = body + bytes(-len(body) % 4)
        table += struct.pack(">4sII", name, offset + len(bodies), len(body))
        bodies += padded
    size = offset + len(bodies)
    d50 = struct.pack(">3i", 63190, 65536, 54061)
    header = struct.pack(">I4sI4s4s4s12s4s", size, b"none", 0x02400000, device, space, connection, bytes(12), b"acsp")
    return (header + bytes(28) + d50).ljust(128, b"\0") + table + bodies


def xyz(*numbers: int) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *numbers)


def linear_gray() -> bytes:
    """Gray whose levels are proportional to light."""
    tags = {b"wtpt": xyz(63190, 65536, 54061), b"kTRC": b"curv\0\0\0\0" + struct.pack(">I", 0)}
    return profile(b"GRAY", tags, b"XYZ ", b"mntr")


def strange_cmyk() -> bytes:
    """Paper is white, black is black, and every ink alone or with others is a gray of L* = 50."""
    table = b"".join(
        bytes([0 if black else 128 if any(inks) else 255, 128, 128])
        for *inks, black in itertools.product((0, 1), repeat=4)
    )
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    ramp = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + 4 * ramp + table + 3 * ramp
    return profile(b"CMYK", {b"wtpt": xyz(63190, 65536, 54061), b"A2B0": lut}, b"Lab ")
