"""Small files that ask for much: each is refused with one line, by a process that stays small."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from references.png import SIGNATURE, chunk, write_png

from licrt.runtime.container import ALPHA, HYPER_LATENT, LATENT, Section, Stream, write_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from licrt.runtime import Codec

LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells how much memory was used")
pytestmark = LINUX

# The whole program, which says at the end how much memory it had at most, and may be given a limit first.
PROGRAM = """
import atexit, resource, sys
from pathlib import Path
limit, report, *arguments = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
peak = lambda: Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
atexit.register(lambda: Path(report).write_text(peak()))
sys.argv = ["lic-run", *arguments]
from licrt.runtime.__main__ import main
main()
"""
SIDE = 22_000  # 484 million pixels, within the limit
MOST = 220  # MiB; what `lic-run` takes for the smallest picture is 110


@dataclass(frozen=True)
class Outcome:
    code: int
    stderr: str
    peak: int  # MiB


def lic_run(*arguments: str | Path, address_space: int = 0, group: Path | None = None) -> Outcome:
    command = [sys.executable, "-c", PROGRAM, str(address_space), "peak", *map(str, arguments)]
    if group:
        command = ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return Outcome(done.returncode, done.stderr, int(Path("peak").read_text()) >> 10)


def expect_refused(code: int, message: str, *arguments: str | Path, address_space: int = 0) -> None:
    outcome = lic_run(*arguments, address_space=address_space)
    assert (outcome.code, outcome.stderr.count("\n")) == (code, 1), outcome
    assert message in outcome.stderr
    assert outcome.peak < MOST


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def claim(path: str, codec: Codec, hyper_bytes: int, latent_bytes: int = 1 << 16) -> None:
    """Write a stream of 484 million pixels whose payloads are of some size, and nonsense."""
    sections = Section(LATENT, 1, bytes(latent_bytes)), Section(HYPER_LATENT, 1, bytes(hyper_bytes))
    Path(path).write_bytes(write_stream(Stream(SIDE, SIDE, bytes.fromhex(codec.info.id), 0, sections)))


@pytest.mark.parametrize("command", ["decode", "verify"])
def test_a_payload_too_short_for_the_pixels_that_the_header_claims(command: str, codec: Codec) -> None:
    claim("a.lci", codec, hyper_bytes=100_000)  # not even flat gray takes so few
    expect_refused(3, "too short for a picture of its size", command, "a.lci")


@pytest.mark.parametrize("command", ["decode", "verify"])
def test_a_payload_long_enough_for_pixels_that_there_is_no_memory_for(command: str, codec: Codec) -> None:
    claim("a.lci", codec, hyper_bytes=400_000)
    message = f"decoding {SIDE} x {SIDE} pixels takes at least "
    expect_refused(6, message, command, "a.lci", address_space=1200 << 20)
    expect_refused(6, "over the limit of 1,000,000 pixels", command, "a.lci", "--max-pixels", "1000000")


@pytest.mark.parametrize("command", ["decode", "verify", "info"])
def test_sections_of_a_gibibyte_of_which_nothing_is_there(command: str, codec: Codec) -> None:
    claim("a.lci", codec, 8, 8)
    data = bytearray(Path("a.lci").read_bytes())
    data[50:54] = data[56:60] = (1 << 30).to_bytes(4, "little")
    data[60:64] = zlib.crc32(data[:60]).to_bytes(4, "little")
    Path("a.lci").write_bytes(data)
    assert "cut short" in lic_run(command, "a.lci").stderr
    with Path("a.lci").open("r+b") as file:
        file.truncate(1 << 40)  # more than the header claims, and none of it on the disk
    if command == "info":
        return  # which reads what is there, 2 GiB at most
    outcome = lic_run(command, "a.lci", address_space=700 << 20)
    assert outcome.code == 6
    assert "memory" in outcome.stderr


def jpeg(width: int, height: int) -> bytes:
    """A JPEG file whose frame header has another size."""
    Image.new("RGB", (8, 8)).save("small.jpg")
    data = bytearray(Path("small.jpg").read_bytes())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)


def webp(width: int, height: int) -> bytes:
    """A lossy WebP file whose frame header has another size (RFC 6386, 9.1)."""
    Image.new("RGB", (8, 8)).save("small.webp")
    data = bytearray(Path("small.webp").read_bytes())
    frame = data.index(b"\x9d\x01\x2a")
    data[frame + 3 : frame + 7] = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    return bytes(data)


def png(side: int, *chunks: bytes, data: bytes = b"\x78\xda\xed\xc1\x01") -> bytes:
    header = chunk(b"IHDR", side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0]))
    return SIGNATURE + header + b"".join(chunks) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


CLAIMS = {
    "png": lambda: png(1 << 30),
    "jpg": lambda: jpeg(65_500, 65_500),
    "webp": lambda: webp(16_383, 16_383),
    "pgm": lambda: b"P5 1000000 1000000 255 ",
    "pbm": lambda: b"P4 9999999999 9999999999 ",
    "pam": lambda: b"P7\nWIDTH 99999999999\nHEIGHT 9\nDEPTH 4\nMAXVAL 255\nENDHDR\n",
    "bmp": lambda: b"BM" + bytes(8) + b"\x36\0\0\0" + b"\x28\0\0\0" + b"\xff\xff\xff\x7f" * 2 + b"\1\0\x18" + bytes(25),
}


@pytest.mark.parametrize("kind", CLAIMS)
def test_picture_files_that_claim_more_than_is_there(kind: str) -> None:
    Path(f"a.{kind}").write_bytes(CLAIMS[kind]())
    for command in (["encode"], ["bench"]):
        outcome = lic_run(*command, f"a.{kind}")
        assert (outcome.code, outcome.stderr.count("\n")) == (6, 1), outcome
        assert outcome.peak < MOST


@cache
def squeezed(count: int) -> bytes:
    """So many zeros, a thousand times smaller."""
    squeeze = zlib.compressobj(1)
    piece = bytes(1 << 20)
    return b"".join(squeeze.compress(piece) for _ in range(count >> 20)) + squeeze.flush()


def test_a_png_of_almost_nothing_but_pixels() -> None:
    Path("a.png").write_bytes(png(SIDE, data=squeezed(SIDE * (SIDE + 1) + (1 << 20))))
    assert Path("a.png").stat().st_size < 2_500_000
    message = f"reading {SIDE} x {SIDE} pixels takes at least 1,846 MiB of memory, and its limit of address space"
    expect_refused(6, message, "encode", "a.png", address_space=1200 << 20)
    expect_refused(6, "over the limit of 1,000,000 pixels", "encode", "a.png", "--max-pixels", "1000000")
    expect_refused(6, "over the limit of 1,000,000 pixels", "bench", "a.png", "--max-pixels", "1000000")


@pytest.fixture
def container() -> Iterator[Path]:
    """A control group of 240 MiB, where this user may make one."""
    v1, v2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    root, limit = (v1, "memory.limit_in_bytes") if v1.is_dir() else (v2, "memory.max")
    group = root / f"licrt-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("this user may make no control groups")
    try:
        (group / limit).write_text(str(240 << 20))
    except OSError:
        group.rmdir()
        pytest.skip("control groups here have no limit of memory")
    yield group
    group.rmdir()


def test_a_container_that_is_too_small_is_told_before_the_system_kills(container: Path, codec: Codec) -> None:
    Image.new("RGB", (9000, 9000), (9, 90, 200)).save("a.png", compress_level=1)
    outcome = lic_run("encode", "a.png", group=container)
    assert (outcome.code, outcome.stderr.count("\n")) == (6, 1), outcome
    assert "reading 9000 x 9000 pixels takes at least 540 MiB of memory, and the memory limit of its control" in (
        outcome.stderr
    )
    claim("a.lci", codec, hyper_bytes=400_000)
    assert lic_run("decode", "a.lci", group=container).code == 6
    Image.new("RGB", (300, 200)).save("a.png")
    assert lic_run("encode", "a.png", "-f", group=container).code == 0


MUCH = 512 << 20
GRAY = np.full((8, 8, 1), 99, np.uint8)
INFLATED = {
    "profile": lambda: chunk(b"iCCP", b"a\0\0" + squeezed(MUCH)),
    "text": lambda: chunk(b"zTXt", b"a\0\0" + squeezed(MUCH)),
    "international text": lambda: chunk(b"iTXt", b"a\0\1\0\0\0" + squeezed(MUCH)),
    "EXIF in text": lambda: chunk(b"zTXt", b"Raw profile type exif\0\0" + squeezed(MUCH)),
}


@pytest.mark.parametrize("kind", INFLATED)
def test_what_comes_with_a_png_is_not_inflated_without_end(kind: str) -> None:
    Path("a.png").write_bytes(write_png(GRAY, 8, 0, INFLATED[kind]()))
    outcome = lic_run("encode", "a.png", "-o", "a.lci")
    assert outcome.code in (0, 6)
    assert outcome.stderr.count("\n") == 1 + (outcome.code == 0 and "left out" in outcome.stderr)
    assert outcome.peak < MOST


def test_exif_that_points_at_itself_or_counts_to_the_end() -> None:
    for entry in (b"\x69\x87\x04\0\1\0\0\0\x08\0\0\0", b"\x0e\x01\2\0\xff\xff\xff\x7f\x08\0\0\0"):
        tiff = b"II*\0\x08\0\0\0\1\0" + entry + bytes(4)
        Path("a.png").write_bytes(write_png(GRAY, 8, 0, chunk(b"eXIf", tiff)))
        outcome = lic_run("encode", "a.png", "-f")
        assert outcome.code == 0, outcome
        assert outcome.peak < MOST


@pytest.mark.parametrize("kind", ["size", "pixels", *INFLATED])
def test_alpha_that_asks_for_more_than_its_picture(kind: str, codec: Codec) -> None:
    alpha = {
        "size": lambda: png(SIDE, data=squeezed(SIDE * (SIDE + 1))),
        "pixels": lambda: png(8, data=squeezed(MUCH)),
    }
    body = alpha[kind]() if kind in alpha else write_png(GRAY, 8, 0, INFLATED[kind]())
    Path("a.lci").write_bytes(codec.encode(np.full((8, 8, 3), 99, np.uint8), alpha=body))
    assert any(section.type == ALPHA for section in read(Path("a.lci")))
    outcome = lic_run("decode", "a.lci", "-o", "a.png")
    assert outcome.code in ((3,) if kind == "size" else (0, 3)), outcome
    assert outcome.peak < MOST


def read(path: Path) -> tuple[Section, ...]:
    from licrt.runtime.container import read_stream

    return read_stream(path.read_bytes()).sections
