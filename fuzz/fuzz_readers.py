#!/usr/bin/env python3
"""Fuzzes readers.py with atheris; arguments are libFuzzer's.

Mutated streams and bundles get the checksums, hashes and id that fit them, more often than not, as an attacker's would.
"""

from __future__ import annotations

import hashlib
import json
import random
import struct
import sys
import warnings
import zlib
from typing import TYPE_CHECKING, Any

import atheris

with atheris.instrument_imports(include=["licrt.runtime", "readers"]):
    import readers

from licrt.runtime.bundle import model_id
from licrt.runtime.errors import LicrtError
from licrt.runtime.tensors import read_safetensors

if TYPE_CHECKING:
    from collections.abc import Iterator

    Node = tuple[Any, Any]  # a dict or list, and a key of it

NUMBERS = (0, 1, -1, 2, 3, 255, 256, 4096, 1 << 31, 1 << 40, 1 << 70, 1.5, True)
STRANGE = (*NUMBERS, None, "", "a\nb", "\ud800", [], {}, [[]])


def nodes(value: Any) -> Iterator[Node]:
    """Yield every place in a JSON value."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from nodes(value[key])


def mutate_json(value: Any, rng: random.Random) -> None:
    """Change one place: another value, one from elsewhere, a near one, none, a new name, or the same twice."""
    places = list(nodes(value))
    if not places:
        return
    parent, key = rng.choice(places)
    other, name = rng.choice(places)
    how = rng.randrange(6)
    if how == 0:
        parent[key] = rng.choice(STRANGE)
    elif how == 1:
        parent[key] = json.loads(json.dumps(other[name]))
    elif how == 2:
        del parent[key]
    elif how == 3 and isinstance(parent, dict):
        parent[rng.choice((str(name), "a\nb", "\ud800", "é"))] = parent.pop(key)
    elif how == 4 and isinstance(parent, list):
        parent.insert(key, json.loads(json.dumps(other[name])))
    elif how == 4:
        parent[f"{key}2"] = json.loads(json.dumps(parent[key]))
    elif type(parent[key]) is int:
        number = parent[key]
        parent[key] = rng.choice((number - 1, number + 1, 2 * number, float(number), str(number)))


def mutate_header(tensors: bytes, rng: random.Random) -> bytes:
    """Change the JSON header of a `.safetensors` file."""
    size = int.from_bytes(tensors[:8], "little")
    header = json.loads(tensors[8 : 8 + size])
    mutate_json(header, rng)
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + tensors[8 + size :]


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Change a few bytes anywhere."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4) if data else 0):
        changed[rng.randrange(len(changed))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    return bytes(changed)


def refit_stream(data: bytes) -> bytes:
    """Make the checksums of a stream fit."""
    changed = bytearray(data)
    if len(changed) < 52 or len(changed) < (end := 48 + 6 * changed[14]) + 4:
        return data
    struct.pack_into("<I", changed, 44, zlib.crc32(changed[end + 4 :]))
    struct.pack_into("<I", changed, end, zlib.crc32(changed[:end]))
    return bytes(changed)


def refit_bundle(manifest: bytes, tensors: bytes) -> bytes:
    """Make the hash of the tensors and the id fit; returns the manifest."""
    try:
        fields = json.loads(manifest)
        fields["files"]["entropy.safetensors"]["sha256"] = hashlib.sha256(tensors).hexdigest()
        fields["id"] = model_id(read_safetensors(tensors), fields["entropy"], fields["synthesis_sha256"])
        return json.dumps(fields).encode()
    except (LicrtError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return manifest


def mutate_bundle(data: bytes, rng: random.Random, room: int) -> bytes:
    """Change manifest or tensors, as JSON, as numbers, or as bytes."""
    manifest, tensors = readers.split_bundle(data)
    how = rng.randrange(8)
    try:
        if how < 4:
            fields = json.loads(manifest)
            mutate_json(fields, rng)
            manifest = json.dumps(fields).encode()
        elif how < 6:
            tensors = mutate_header(tensors, rng)
        else:
            tensors = mutate_bytes(tensors, rng)
    except (ValueError, OverflowError, RecursionError):
        manifest = atheris.Mutate(manifest, room)
    if rng.randrange(8):
        manifest = refit_bundle(manifest, tensors)
    return readers.join_bundle(manifest, tensors)


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Change an input; called by libFuzzer."""
    rng = random.Random(seed)
    if len(data) > 5 and data[:1] == b"b" and rng.randrange(8):
        mutated = data[:1] + mutate_bundle(data[1:], rng, most)
    elif data[:1] == b"c" and rng.randrange(8):
        changed = atheris.Mutate(data[1:], most - 1)
        mutated = data[:1] + (refit_stream(changed) if rng.randrange(8) else changed)
    else:
        mutated = atheris.Mutate(data, most)
    return mutated if len(mutated) <= most else atheris.Mutate(data, most)


def main() -> None:
    """Run until an input is not as it should be, or time is up."""
    warnings.simplefilter("error")
    atheris.Setup(sys.argv, readers.one_input, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
