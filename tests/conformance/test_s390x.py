"""IBM Z, whose bytes are in the other order: what examples/c writes there is what Python decodes here."""

from __future__ import annotations

import struct
import subprocess
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from references.programs import decode, flatten_to, qemu, run
from references.synthetic import KINDS, write_bundle
from references.tiny_photo import photo

from licrt.runtime import Codec, read_info
from licrt.runtime.bundle import load_bundle
from licrt.runtime.latents import to_float

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", [*KINDS, "default"])
def test_latents_and_their_floats_are_the_same_bytes(kind: str, s390x: Path, tmp_path: Path) -> None:
    model = "default" if kind == "default" else write_bundle(tmp_path / "bundle", **KINDS[kind])
    codec = Codec.load(model, threads=1)
    bundle, program = codec.info.path, (*qemu("s390x"), s390x / "decode")
    flat, stream = flatten_to(tmp_path / "a.lcm", bundle), tmp_path / "a.lci"
    stream.write_bytes(codec.encode(photo(97, 129), icc=b"profile"))
    assert decode(flat, [stream], *program, threads=2) == [{"scalar": read_info(stream.read_bytes()).latent_crc}]

    run(*program, "-o", tmp_path / "latent", flat, stream)
    expected = to_float(codec.decode_latents(stream.read_bytes()), load_bundle(bundle).mean_fraction)
    assert len(np.unique(expected)) > 20
    assert (tmp_path / "latent").read_bytes() == expected.astype("<f4").tobytes()


@pytest.mark.parametrize(
    ("place", "code"),
    [(8, 3), (16, 3), (24, 4), (40, 4), (-5, 3)],
    ids=["version", "width", "model", "latent CRC", "payload"],
)
def test_changed_streams_are_refused_as_here(place: int, code: int, s390x: Path, here: Path, tmp_path: Path) -> None:
    """Checksums are made to fit, so that what was changed is what has to be noticed."""
    bundle = write_bundle(tmp_path / "bundle")
    flat, stream = flatten_to(tmp_path / "a.lcm", bundle), tmp_path / "a.lci"
    data = bytearray(Codec.load(bundle, threads=1).encode(photo(41, 57)))
    data[place] ^= 0x81
    end = 48 + 6 * data[14]
    struct.pack_into("<I", data, 44, zlib.crc32(data[end + 4 :]))
    struct.pack_into("<I", data, end, zlib.crc32(data[:end]))
    stream.write_bytes(data)
    there, ours = (
        subprocess.run([*program, flat, stream], check=False, capture_output=True, text=True)
        for program in ((*qemu("s390x"), s390x / "decode"), (here / "decode",))
    )
    assert there.returncode == ours.returncode == code
    assert there.stderr == ours.stderr
    assert there.stdout == ours.stdout
