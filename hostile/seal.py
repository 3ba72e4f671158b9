"""Checksums of a changed stream made right again, as an attacker would, so that it gets past them."""

from __future__ import annotations

import struct
import zlib

from licrt.runtime.container import HYPER_LATENT, LATENT, read_stream
from licrt.runtime.entropy import EntropyModel, Payload
from licrt.runtime.errors import LicrtError
from licrt.runtime.latents import latent_crc

_TABLE, _ENTRY = 48, 6  # docs/bitstream.md, section 1
_LATENT_CRC, _PAYLOAD_CRC = 40, 44


def seal(stream: bytes) -> bytes:
    """Recompute the payload CRC and the header CRC, where the stream is long enough to have them."""
    if len(stream) < _TABLE + 4:
        return stream
    end = _TABLE + _ENTRY * stream[14]
    data = bytearray(stream)
    struct.pack_into("<I", data, _PAYLOAD_CRC, zlib.crc32(data[end + 4 :]))
    if len(data) >= end + 4:
        struct.pack_into("<I", data, end, zlib.crc32(data[:end]))
    return bytes(data)


def seal_latents(stream: bytes, entropy: EntropyModel, stride: int) -> bytes:
    """Recompute the latent CRC too, of what the stream decodes to if nobody compares; unchanged if to nothing.

    Args:
        stream: with the other checksums right.
        entropy: the model's exact half; may be of other kernels than those that will decode the stream.
        stride: pixels per latent sample.
    """
    try:
        read = read_stream(stream)
        coded = {section.type: Payload(section.body, section.lanes) for section in read.sections}
        size = -(-read.height // stride), -(-read.width // stride)
        y_hat = entropy.decode(coded[LATENT], coded.get(HYPER_LATENT), *size, 1, read.rate_point)
    except (LicrtError, ValueError, MemoryError):  # ValueError: no such rate point, which the codec checks itself
        return stream
    data = bytearray(stream)
    struct.pack_into("<I", data, _LATENT_CRC, latent_crc(y_hat))
    return seal(bytes(data))
