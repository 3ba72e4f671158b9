"""Ways to change a stream, as damage or an attacker would: functions of a random generator and of valid streams.

A mutation may leave checksums wrong; `seal.py` makes them right again where a campaign wants that.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from licrt.runtime.container import HYPER_LATENT, LATENT, read_info

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from licrt.runtime.entropy import EntropyModel

TABLE = 48  # where the section table begins; docs/bitstream.md, section 1
ENTRY = struct.Struct("<BBI")
# Offset and width of every field before the section table but the magic and the model id.
FIELDS = {
    "major": (8, 1), "minor": (9, 1), "kind": (10, 1), "rate point": (11, 1), "frames": (12, 2), "sections": (14, 1),
    "reserved": (15, 1), "width": (16, 4), "height": (20, 4), "latent CRC": (40, 4), "payload CRC": (44, 4),
}  # fmt: skip
MODEL_ID = slice(24, 40)


@dataclass(frozen=True)
class Valid:
    """Valid streams of one model, and the exact half of the model.

    Attributes:
        streams: at least two; short ones are taken more often than long ones.
        entropy: what an attacker who has the model encodes latents with.
        stride: pixels per latent sample.
    """

    streams: Sequence[bytes]
    entropy: EntropyModel
    stride: int

    def pick(self, random: Random) -> bytes:
        """Return one of the streams."""
        return random.choices(self.streams, [1 / len(stream) for stream in self.streams])[0]


def mutate(random: Random, valid: Valid) -> tuple[str, bytes]:
    """Return the name of a mutation, and what it made of one of the streams: by chance the same, or another one."""
    stream = valid.pick(random)
    name = random.choice(list(MUTATIONS))
    return name, MUTATIONS[name](random, stream, valid)


def bits(random: Random, stream: bytes, valid: Valid) -> bytes:
    """Flip 1 to 16 bits, anywhere, or within a few bytes of each other."""
    data = bytearray(stream)
    first, span = 0, len(data)
    if random.random() < 0.5:
        span = min(random.choice((4, 16, 64)), len(data))
        first = random.randrange(len(data) - span + 1)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        data[first + random.randrange(span)] ^= 1 << random.randrange(8)
    return bytes(data)


def cut(random: Random, stream: bytes, valid: Valid) -> bytes:
    """Cut the stream, or one body with its length made to fit, which leaves the coder too few words."""
    if random.random() < 0.4:
        return stream[: random.randrange(len(stream))]
    head, entries, bodies = _split(stream)
    which = random.randrange(len(bodies))
    bodies[which] = bodies[which][: random.randrange(len(bodies[which]) + 1)]
    return _join(head, entries, bodies)


def splice(random: Random, stream: bytes, valid: Valid) -> bytes:
    """Go on with another stream from some place, or take a body from it, or the rest of a body."""
    other = random.choice([each for each in valid.streams if each != stream])
    if random.random() < 0.3:
        place = random.randrange(len(stream))
        return stream[:place] + other[place if random.random() < 0.5 else random.randrange(len(other)) :]
    head, entries, bodies = _split(stream)
    which = random.randrange(len(bodies))
    theirs = random.choice(_split(other)[2])
    place = 4 * random.randrange(len(bodies[which]) // 4 + 1) if random.random() < 0.5 else 0
    bodies[which] = bodies[which][:place] + theirs[place:]
    return _join(head, entries, bodies)


def lengths(random: Random, stream: bytes, valid: Valid) -> bytes:
    """Change lengths in the section table, with or without moving the border between two bodies to fit."""
    head, entries, bodies = _split(stream)
    which = random.randrange(len(entries))
    kind, lanes, length = entries[which]
    if len(entries) > 1 and random.random() < 0.4:
        payload, other = b"".join(bodies), (which + 1) % len(entries)
        moved = random.choice((1, 4, 8, random.randrange(length + 1)))
        entries[which] = (kind, lanes, max(length - moved, 0))
        entries[other] = (*entries[other][:2], entries[other][2] + min(moved, length))
        return _join(head, entries, [payload], fit=False)
    entries[which] = (kind, lanes, _number(random, length, 4))
    return _join(head, entries, bodies, fit=False)


def fields(random: Random, stream: bytes, valid: Valid) -> bytes:
    """Give one or two fields of the header another value: sizes, counts, versions, ids, lanes."""
    data = bytearray(stream)
    for _ in range(random.choice((1, 1, 2))):
        place = random.choice([*FIELDS, "width", "height", "rate point", "model id", "lanes", "type"])
        if place == "model id":
            data[MODEL_ID] = random.choice((bytes(16), random.randbytes(16)))
        elif place in ("lanes", "type"):
            offset = TABLE + ENTRY.size * random.randrange(stream[14]) + (place == "lanes")
            data[offset] = random.choice((0, 1, 2, 4, 64, random.randrange(256)))
        else:
            offset, size = FIELDS[place]
            value = int.from_bytes(data[offset : offset + size], "little")
            data[offset : offset + size] = _number(random, value, size).to_bytes(size, "little")
    return bytes(data)


def sections(random: Random, stream: bytes, valid: Valid) -> bytes:
    """Drop, repeat, exchange, rename or add sections."""
    head, entries, bodies = _split(stream)
    which, other = random.randrange(len(entries)), random.randrange(len(entries))
    action = random.choice(("drop", "repeat", "exchange", "rename", "add", "many"))
    if action == "drop":
        del entries[which], bodies[which]
    elif action == "repeat":
        entries.append(entries[which])
        bodies.append(bodies[which])
    elif action == "exchange":
        bodies[which], bodies[other] = bodies[other], bodies[which]
    elif action == "rename":
        entries[which] = (random.choice((1, 2, 3, 64, 65, 66, 67, 128, 255)), *entries[which][1:])
    else:
        for _ in range(1 if action == "add" else random.randrange(1, 250)):
            entries.append((random.randrange(256), random.choice((0, 0, 0, 1)), 0))
            bodies.append(random.randbytes(random.randrange(16)))
    return _join(head, entries, bodies)


def words(random: Random, stream: bytes, valid: Valid) -> bytes:
    """Overwrite, insert or remove words of a coded body: states and what they are refilled from."""
    head, entries, bodies = _split(stream)
    coded = [number for number, entry in enumerate(entries) if entry[0] in (LATENT, HYPER_LATENT)]
    which = random.choice(coded)
    body = bytearray(bodies[which])
    for _ in range(random.choice((1, 1, 2, 8))):
        place = 4 * random.randrange(len(body) // 4 + 1)
        size = random.choice((4, 8, 64))
        new = random.choice((bytes(size), b"\xff" * size, random.randbytes(size), (1 << 31).to_bytes(8, "little")))
        body[place : place + random.choice((0, size))] = random.choice((b"", new, new))
    bodies[which] = bytes(body)
    return _join(head, entries, bodies)


def latents(random: Random, stream: bytes, valid: Valid) -> bytes:
    """Encode latents that no picture has, up to the largest that a symbol can be, at the size of the stream."""
    head, entries, bodies = _split(stream)
    info = read_info(stream)
    entropy, numbers = valid.entropy, np.random.default_rng(random.getrandbits(64))
    height, width = -(-info.height // valid.stride), -(-info.width // valid.stride)
    spread = random.choice((0.0, 1.0, 1e2, 1e5, 1e30))
    latent = _values(numbers, (entropy.latent_channels, height, width), spread)
    hyper = None
    if HYPER_LATENT in (entry[0] for entry in entries):
        hyper = _values(numbers, entropy.hyper_shape(height, width), random.choice((1.0, 1e2, 1e5)))
    coded = entropy.encode(latent, hyper, 1, info.rate_point)
    for number, entry in enumerate(entries):
        payload = coded[0] if entry[0] == LATENT else coded[1] if entry[0] == HYPER_LATENT else None
        if payload:
            entries[number], bodies[number] = (entry[0], payload.lanes, 0), payload.data
    return _join(head, entries, bodies)


MUTATIONS: dict[str, Callable[[Random, bytes, Valid], bytes]] = {
    each.__name__: each for each in (bits, cut, splice, lengths, fields, sections, words, latents)
}


def _values(numbers: np.random.Generator, shape: tuple[int, ...], spread: float) -> np.ndarray:
    """Return float32 numbers, most of them small, some as large as `spread`."""
    values = numbers.normal(0, 1, shape) * np.where(numbers.random(shape) < 0.1, spread, 1)
    return values.astype(np.float32)


def _number(random: Random, value: int, size: int) -> int:
    """Return another number of so many bytes: near the one there, at a limit, or any."""
    limit = 1 << 8 * size
    edges = (0, 1, limit // 2, limit - 1, 1 << random.randrange(8 * size))
    near = value + random.choice((-16, -4, -1, 1, 4, 16, value, -(value // 2)))
    return random.choice((near, near, random.choice(edges), random.randrange(limit))) % limit


def _split(stream: bytes) -> tuple[bytes, list[tuple[int, int, int]], list[bytes]]:
    """Return what is before the section table, the table, and the bodies of a valid stream."""
    info = read_info(stream)
    entries = [(entry.type, entry.lanes, entry.length) for entry in info.sections]
    bodies, start = [], info.header_size
    for entry in info.sections:
        bodies.append(stream[start : start + entry.length])
        start += entry.length
    return stream[:TABLE], entries, bodies


def _join(head: bytes, entries: list[tuple[int, int, int]], bodies: list[bytes], *, fit: bool = True) -> bytes:
    """Put a stream together, with lengths that fit unless they are what was changed; its checksums are old."""
    if fit:
        entries = [(kind, lanes, len(body)) for (kind, lanes, _), body in zip(entries, bodies, strict=True)]
    count = bytes([min(len(entries), 255)])
    table = b"".join(ENTRY.pack(*entry) for entry in entries)
    return head[:14] + count + head[15:] + table + bytes(4) + b"".join(bodies)
