"""The container: exact bytes of the specification, round trips, and every way in which a stream can be wrong."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licrt.runtime.container import (
    ALPHA,
    EXIF,
    HYPER_LATENT,
    ICC,
    LATENT,
    MAGIC,
    MAX_HEADER_BYTES,
    Section,
    Stream,
    read_info,
    read_stream,
    write_stream,
)
from licrt.runtime.errors import FormatError, PictureError

MODEL = bytes(range(16))
BODY = bytes.fromhex("0e00038000000000")
SPECIFICATION = Path(__file__).parents[2] / "docs" / "bitstream.md"


def example() -> Stream:
    return Stream(3, 2, MODEL, 0x01020304, (Section(LATENT, 1, BODY), Section(200, 0, b"hi")))


def forge(
    sections: list[tuple[int, int, bytes]] | None = None,
    *,
    magic: bytes = MAGIC,
    major: int = 0,
    minor: int = 1,
    kind: int = 0,
    frames: int = 1,
    reserved: int = 0,
    width: int = 3,
    height: int = 2,
    lengths: list[int] | None = None,
) -> bytes:
    """A stream with sound checksums and any field, written from the specification and not by the code under test."""
    sections = [(1, 1, BODY)] if sections is None else sections
    payload = b"".join(body for _, _, body in sections)
    header = magic + struct.pack("<BBBBHBBII", major, minor, kind, 0, frames, len(sections), reserved, width, height)
    header += MODEL + struct.pack("<II", 0, zlib.crc32(payload))
    for number, (section_type, lanes, body) in enumerate(sections):
        header += struct.pack("<BBI", section_type, lanes, lengths[number] if lengths else len(body))
    return header + struct.pack("<I", zlib.crc32(header)) + payload


def test_writes_the_bytes_of_the_specification() -> None:
    block = SPECIFICATION.read_text(encoding="utf-8").rpartition("holding `68 69`:")[2].partition("##")[0]
    assert write_stream(example()) == bytes.fromhex(block)


def test_forged_streams_are_sound_unless_asked_otherwise() -> None:
    assert read_stream(forge()) == Stream(3, 2, MODEL, 0, (Section(LATENT, 1, BODY),))


bodies = st.binary(max_size=40)
metadata = st.dictionaries(st.sampled_from([ALPHA, ICC, EXIF, 128, 200, 255]), bodies)
lanes = st.sampled_from([1, 2, 4])


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    sections = [Section(LATENT, draw(lanes), draw(bodies))]
    if draw(st.booleans()):
        sections.append(Section(HYPER_LATENT, draw(lanes), draw(bodies)))
    sections += [Section(kind, 0, body) for kind, body in draw(metadata).items()]
    width = draw(st.integers(1, 500_000_000))
    return Stream(
        width=width,
        height=draw(st.integers(1, 500_000_000 // width)),
        model_id=draw(st.binary(min_size=16, max_size=16)),
        latent_crc=draw(st.integers(0, 2**32 - 1)),
        sections=tuple(draw(st.permutations(sections))),
        rate_point=draw(st.integers(0, 255)),
    )


@given(streams())
def test_round_trip(stream: Stream) -> None:
    data = write_stream(stream)
    assert read_stream(data) == stream
    info = read_info(data[:MAX_HEADER_BYTES])
    assert info.size == len(data)
    assert (info.width, info.height, info.model_id) == (stream.width, stream.height, stream.model_id)
    assert info.bits_per_pixel == 8 * len(data) / (stream.width * stream.height)
    assert [section.length for section in info.sections] == [len(section.body) for section in stream.sections]


def test_body_finds_sections_by_type() -> None:
    assert example().body(LATENT) == BODY
    assert example().body(ICC) is None


def test_every_truncation_is_refused() -> None:
    data = write_stream(example())
    for size in range(len(data)):
        with pytest.raises(FormatError, match=f"cut short: {size:,} bytes of"):
            read_stream(data[:size])


def test_every_changed_byte_is_refused() -> None:
    data = write_stream(example())
    for position in range(len(data)):
        for change in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            damaged = bytearray(data)
            damaged[position] ^= change
            with pytest.raises((FormatError, PictureError)):
                read_stream(bytes(damaged))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for candidate in (data, MAGIC + data, MAGIC + b"\0" + data):
        with pytest.raises((FormatError, PictureError)):
            read_stream(candidate)


@given(st.binary(min_size=40, max_size=40), st.lists(st.tuples(st.integers(0, 255), st.integers(0, 5)), max_size=5))
def test_no_header_with_a_sound_checksum_raises_anything_else(fields: bytes, table: list[tuple[int, int]]) -> None:
    header = MAGIC + b"\0" + fields[1:6] + bytes([len(table)]) + fields[7:]
    header += b"".join(struct.pack("<BBI", kind, count, 3) for kind, count in table)
    with suppress(FormatError, PictureError):
        read_stream(header + struct.pack("<I", zlib.crc32(header)) + bytes(3 * len(table)))


TRANSFERS = {
    "line ends to Unix": lambda data: data.replace(b"\r\n", b"\n"),
    "line ends to DOS": lambda data: data.replace(b"\n", b"\r\n"),
    "lone line ends to DOS": lambda data: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
    "line ends of old Macs": lambda data: data.replace(b"\r", b"\n"),
    "seven bits": lambda data: bytes(byte & 127 for byte in data),
    "Latin-1 as UTF-8": lambda data: data.decode("latin-1").encode(),
    "replacement characters": lambda data: data.decode(errors="replace").encode(),
}


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_text_mode_is_recognised(transfer: str) -> None:
    damaged = TRANSFERS[transfer](write_stream(example()))
    with pytest.raises(FormatError, match="text mode"):
        read_stream(damaged)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(90), "not a licrt stream but a PNG picture. Run: lic-run encode"),
        (b"hello", "not a licrt stream: it starts with 68 65 6c 6c 6f"),
        (b"", "cut short: 0 bytes"),
        (forge(major=1), r"format version 1, this licrt reads version 0\. Run: pip"),
        (forge(major=255), "format version 255"),
        (forge(kind=1), r"kind 1 \(video\), this licrt reads images only"),
        (forge(kind=2), r"kind 2 \(point cloud\)"),
        (forge(kind=9), r"kind 9 \(unknown\)"),
        (forge(frames=2), "an image with 2 frames, expected 1"),
        (forge(frames=0), "an image with 0 frames"),
        (forge(reserved=1), "reserved byte is 1, expected 0"),
        (forge(width=0), "0 x 2 pixels"),
        (forge(height=0), "3 x 0 pixels"),
        (forge([]), "no latent section"),
        (forge([(2, 1, BODY)]), "no latent section"),
        (forge([(1, 1, BODY), (1, 1, BODY)]), "two sections of one type"),
        (forge([(1, 1, BODY), (200, 0, b""), (200, 0, b"")]), "two sections of one type"),
        (forge([(1, 1, BODY), (3, 0, b"")]), "section of type 3, which this licrt does not know.* Run: pip"),
        (forge([(1, 1, BODY), (127, 0, b"")]), "section of type 127"),
        (forge([(1, 0, BODY)]), "latent with 0 lanes"),
        (forge([(1, 3, BODY)]), "latent with 3 lanes"),
        (forge([(1, 1, BODY), (ICC, 1, b"")]), "ICC profile with 1 lanes"),
        (forge([(1, 1, BODY), (200, 4, b"")]), "ancillary with 4 lanes"),
        (forge(lengths=[1 << 30]), "cut short"),
        (forge(lengths=[9]), "cut short"),
        (forge(lengths=[7]), "1 bytes follow the end"),
        (forge() + b"x", "1 bytes follow the end"),
    ],
)
def test_refuses(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read_stream(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (forge(width=2**32 - 1, height=2**32 - 1), "4294967295 x 4294967295 pixels are over the limit of 500,000,000"),
        (forge(width=500_000_001, height=1), "over the limit"),
        (
            forge([(1, 1, b""), (128, 0, b""), (ICC, 0, b"")], lengths=[1 << 30, 1 << 30, 1]),
            "the limit of 2048 MiB for all",
        ),
        (forge(lengths=[(1 << 30) + 1]), "latent of 1,073,741,825 bytes is over the limit of 1024 MiB"),
        *(
            (forge([(1, 1, BODY), (kind, 0, b"")], lengths=[8, (16 << 20) + 1]), "over the limit of 16 MiB")
            for kind in (ALPHA, ICC, EXIF)
        ),
    ],
)
def test_refuses_sizes_over_a_limit(data: bytes, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        read_info(data)


def test_sizes_at_the_limit_are_read() -> None:
    assert read_info(forge(width=500_000_000, height=1)).width == 500_000_000
    assert (
        read_info(forge([(1, 1, b""), (ICC, 0, b"")], lengths=[1 << 30, 16 << 20])).size == (1 << 30) + (16 << 20) + 64
    )


def test_reads_later_minor_versions() -> None:
    data = forge([(1, 1, BODY), (130, 0, b"new")], minor=7, reserved=3)
    assert read_stream(data).sections[1] == Section(130, 0, b"new")
    assert read_info(data).version == (0, 7)


@pytest.mark.parametrize("damage", ["header", "payload"])
def test_says_which_part_is_damaged(damage: str) -> None:
    data = bytearray(forge())
    data[16 if damage == "header" else -1] ^= 1
    with pytest.raises(FormatError, match=f"the {damage} of the stream is damaged"):
        read_stream(bytes(data))


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (Stream(0, 2, MODEL, 0, (Section(LATENT, 1, BODY),)), FormatError),
        (Stream(3, 2, b"short", 0, (Section(LATENT, 1, BODY),)), FormatError),
        (Stream(3, 2, MODEL, 0, ()), FormatError),
        (Stream(3, 2, MODEL, 0, (Section(LATENT, 5, BODY),)), FormatError),
        (Stream(3, 2, MODEL, -1, (Section(LATENT, 1, BODY),)), FormatError),
        (Stream(3, 2, MODEL, 0, (Section(LATENT, 1, BODY), Section(256, 0, b""))), FormatError),
        (Stream(3, 2, MODEL, 0, (Section(LATENT, 1, BODY),), rate_point=256), FormatError),
        (Stream(30_000, 30_000, MODEL, 0, (Section(LATENT, 1, BODY),)), PictureError),
        (Stream(3, 2, MODEL, 0, (Section(LATENT, 1, BODY), Section(EXIF, 0, bytes((16 << 20) + 1)))), PictureError),
    ],
)
def test_writer_refuses_what_the_reader_would(stream: Stream, error: type[Exception]) -> None:
    with pytest.raises(error):
        write_stream(stream)
