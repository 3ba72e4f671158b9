"""IBM Z, whose bytes are in the other order: examples/c decodes there what Python decodes here, refuses the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from references.programs import decode, flatten_to, qemu, run
from references.synthetic import KINDS, write_bundle
from references.tiny_photo import photo

from conformance.compare import differences, read_refused, refused_differences
from conformance.lanes.c_decoder import decode_with
from conformance.observe import STREAMS
from licrt.runtime import Codec, read_info
from licrt.runtime.bundle import load_bundle
from licrt.runtime.latents import to_float

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("threads", ["1", "2"])
def test_conformance_streams_decode_there(threads: str, s390x: Path, tmp_path: Path) -> None:
    observation = decode_with((*qemu("s390x"), s390x / "decode", "-j", threads), tmp_path, [STREAMS])
    assert list(differences(STREAMS, observation["streams"]["streams"])) == []
    assert list(refused_differences(observation["refused"])) == []
    assert len(observation["refused"]) > 0.9 * len(read_refused())


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
