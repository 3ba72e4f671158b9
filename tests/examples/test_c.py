"""examples/c: its exit codes are those of Python on whatever files, and what it writes is what Python decodes."""

from __future__ import annotations

import random
import re
import struct
import subprocess
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from references.programs import ROOT, flatten_to, run
from references.synthetic import KINDS, write_bundle
from references.tiny_photo import photo

from licrt.runtime import Codec
from licrt.runtime.bundle import load_bundle
from licrt.runtime.cli.info import describe
from licrt.runtime.container import read_info
from licrt.runtime.errors import LicrtError
from licrt.runtime.latents import to_float

if TYPE_CHECKING:
    from pathlib import Path


class Files(NamedTuple):
    """A model, as bundle and as flat file, and a stream."""

    codec: Codec
    model: Path
    stream: Path


@pytest.fixture(scope="module", params=KINDS)
def files(request, tmp_path_factory) -> Files:
    folder = tmp_path_factory.mktemp("files")
    codec = Codec.load(write_bundle(folder / "bundle", **KINDS[request.param]), threads=1)
    quality = 75 if "rate_points" in KINDS[request.param] else None
    (folder / "a.lci").write_bytes(codec.encode(photo(41, 57), quality=quality, icc=b"profile"))
    return Files(codec, flatten_to(folder / "a.lcm", folder / "bundle"), folder / "a.lci")


@pytest.fixture
def decode(here):
    """Call the program; gives its exit code, what it printed, and what it complained of."""

    def call(*arguments: str | Path, **environment: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [here / "decode", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stderr

    return call


def test_the_latent_is_what_python_decodes(files, decode, tmp_path) -> None:
    data = files.stream.read_bytes()
    assert decode("-j", "3", "-o", tmp_path / "latent", files.model, files.stream)[0] == 0
    expected = to_float(files.codec.decode_latents(data), load_bundle(files.codec.info.path).mean_fraction)
    assert len(np.unique(expected)) > 20
    assert np.array_equal(np.fromfile(tmp_path / "latent", "<f4").reshape(expected.shape), expected)


def test_symbols_and_indexes_are_what_python_decodes(files, decode) -> None:
    decoded = files.codec.decode_symbols(files.stream.read_bytes())
    code, printed, _ = decode("-j", "2", "--symbols", "--all-kernels", files.model, files.stream)
    assert code == 0
    arrays = {"hyper_symbols": decoded.hyper, "symbols": decoded.latent, "indexes": decoded.indexes}
    expected = {
        f"{name:<15} {zlib.crc32(array.astype('<i4').tobytes()):08x}, {array.size}"
        for name, array in arrays.items()
        if array is not None
    }
    numbers = [line for line in printed.splitlines() if line.startswith(("hyper_symbols", "symbols", "indexes"))]
    assert set(numbers) == expected
    assert len(numbers) == len(expected) * printed.count("decoded  ") > 0


def test_fields_are_those_of_lic_run_info(files, decode) -> None:
    info = read_info(files.stream.read_bytes())
    code, printed, _ = decode(files.model, files.stream)
    assert code == 0
    wanted = {name: value for name, value in describe(info).items() if name not in ("kind", "bits_per_pixel")}
    lines = [f"{name:<15} {value}" for name, value in wanted.items()]
    for section in info.sections:
        lanes = f", lanes {section.lanes}" if section.lanes else ""
        lines.append(f"section         {section.type} ({section.name}), {section.length} bytes{lanes}")
    *header, decoded = printed.splitlines()
    assert header == lines
    assert decoded.startswith(f"decoded         {info.latent_crc:08x}, ")


def refit(data: bytearray) -> None:
    """Make the checksums of a stream fit its contents, as an attacker would."""
    end = 48 + 6 * data[14]
    if len(data) >= end + 4:
        struct.pack_into("<I", data, 44, zlib.crc32(data[end + 4 :]))
        struct.pack_into("<I", data, end, zlib.crc32(data[:end]))


def test_damaged_streams_get_the_exit_code_that_python_gives(files, decode, tmp_path) -> None:
    whole, rng, codes = files.stream.read_bytes(), random.Random(5), set()
    for number in range(150):
        data = bytearray(whole)
        place = rng.randrange(rng.choice((48, 70, len(data))))
        data[place] = rng.choice((0, 1, 2, 64, 128, 255, data[place] ^ 1 << rng.randrange(8)))
        if number % 8 == 0:
            del data[rng.randrange(len(data)) :]
        if number % 8 == 1:
            data += b"?"
        if number % 4 and len(data) > 48:
            refit(data)
        try:
            files.codec.decode_latents(bytes(data))
            expected = 0
        except LicrtError as error:
            expected = error.exit_code
        (tmp_path / "damaged").write_bytes(data)
        code, _, complaint = decode(files.model, tmp_path / "damaged")
        assert code == expected, complaint
        assert (code == 0) == (complaint == "")
        assert complaint.count("\n") == (code != 0)
        codes.add(code)
    assert codes >= {0, 3, 4}


def test_wrong_calls_and_files(files, decode, tmp_path) -> None:
    model, stream = files.model, files.stream
    assert decode("--help")[0] == 0
    for call in (
        (),
        (model,),
        ("-j", "0", model, stream),
        ("-x", model, stream),
        ("-o", tmp_path / "a", model, *[stream] * 2),
    ):
        code, printed, complaint = decode(*call)
        assert (code, printed, complaint[:6]) == (2, "", "usage:")
    assert decode(tmp_path / "none", stream)[0] == 4
    assert decode(stream, stream)[0] == 4
    assert decode(model, tmp_path / "none")[0] == 6
    assert decode(model, tmp_path)[0] == 6
    assert decode(model, model)[0] == 3
    assert decode("-o", stream, model, stream)[0] == 6
    assert decode("-o", "/dev/full", model, stream)[0] == 6
    (tmp_path / "empty").touch()
    assert decode(model, tmp_path / "empty")[0] == 3
    assert decode(tmp_path / "empty", stream)[0] == 4


def test_models_of_others_are_refused(files, decode, tmp_path, tmp_path_factory) -> None:
    other = write_bundle(tmp_path / "other", seed=9)
    code, _, complaint = decode(flatten_to(tmp_path / "other.lcm", other), files.stream)
    assert code == 4
    assert "needs another model" in complaint


def test_kernels_that_are_not_there(files, decode) -> None:
    code, printed, complaint = decode(files.model, files.stream, LICRT_CPU="sse9")
    if files.codec.engine["kernels"] == "none":
        assert code == 0
        assert printed.endswith("kernels none\n")
    else:
        assert code == 5
        assert "'sse9' is not available here" in complaint
        assert decode(files.model, files.stream, LICRT_CPU="scalar")[1].endswith("kernels scalar\n")


def test_a_full_standard_output_is_an_error(files, here) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run([here / "decode", files.model, files.stream], stdout=full, check=False)
    assert done.returncode == 6


def test_the_example_of_the_specification(here, tmp_path) -> None:
    """The flat model of docs/bitstream.md, section 7, decodes the stream of section 6."""
    text = (ROOT / "docs" / "bitstream.md").read_text(encoding="utf-8")
    sections = {part[0]: part for part in text.split("\n## ")[1:]}
    blocks = {}
    for number in "67":
        lines = re.findall(r"^    ((?:[0-9A-F]{2} +)*[0-9A-F]{2})$", sections[number], re.M)
        blocks[number] = bytearray.fromhex(" ".join(lines))
    struct.pack_into("<I", blocks["6"], 40, zlib.crc32(struct.pack("<2i", -3, -3)))
    refit(blocks["6"])
    (tmp_path / "a.lci").write_bytes(blocks["6"])
    (tmp_path / "a.lcm").write_bytes(blocks["7"])
    run(here / "decode", "-o", tmp_path / "latent", tmp_path / "a.lcm", tmp_path / "a.lci")
    assert np.fromfile(tmp_path / "latent", "<f4").tolist() == [-1.5, -1.5]
