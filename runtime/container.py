"""The stream container: bytes to fields and back (docs/bitstream.md, sections 1 and 2).

Nothing here needs a model, numpy or Pillow. Every length is compared with a limit and with the bytes that are there
before it is believed; the writer refuses whatever the reader would.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from licrt.runtime.errors import FormatError, PictureError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAGIC = b"\x89LCI\r\n\x1a\n"
MAJOR, MINOR = 0, 1
IMAGE = 0
LATENT, HYPER_LATENT, ALPHA, ICC, EXIF = 1, 2, 64, 65, 66
FIRST_ANCILLARY = 128

MAX_PIXELS = 500_000_000
MAX_METADATA_BYTES = 16 << 20
MAX_BODY_BYTES = 1 << 30
MAX_TOTAL_BYTES = 1 << 31

SECTION_NAMES = {LATENT: "latent", HYPER_LATENT: "hyper-latent", ALPHA: "alpha", ICC: "ICC profile", EXIF: "EXIF"}
_CODED = (LATENT, HYPER_LATENT)
_METADATA = (ALPHA, ICC, EXIF)
_PICTURES = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"RIFF": "WebP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
}
_RESERVED_KINDS = {1: "video", 2: "point cloud"}

_FIXED = struct.Struct("<8s4BHBBII16sII")
_ENTRY = struct.Struct("<BBI")
_CRC = struct.Struct("<I")
MAX_HEADER_BYTES = _FIXED.size + 255 * _ENTRY.size + _CRC.size


@dataclass(frozen=True)
class Section:
    """One section: its type, the lanes of its entropy coder (0 where nothing is coded), and its bytes."""

    type: int
    lanes: int
    body: bytes


@dataclass(frozen=True)
class Stream:
    """A whole stream. ``width`` and ``height`` are in pixels; ``model_id`` is 16 bytes."""

    width: int
    height: int
    model_id: bytes
    latent_crc: int
    sections: tuple[Section, ...]
    kind: int = IMAGE
    rate_point: int = 0
    frame_count: int = 1

    def body(self, section_type: int) -> bytes | None:
        """Return the bytes of the section of this type, or None where there is none."""
        return next((section.body for section in self.sections if section.type == section_type), None)


@dataclass(frozen=True)
class SectionInfo:
    """What the header says of a section. ``length`` is in bytes."""

    type: int
    lanes: int
    length: int

    @property
    def name(self) -> str:
        """The name of the type, for people."""
        return SECTION_NAMES.get(self.type, "ancillary")


@dataclass(frozen=True)
class StreamInfo:
    """What the header says, without any body. Meanings as in :class:`Stream`."""

    version: tuple[int, int]
    kind: int
    rate_point: int
    frame_count: int
    width: int
    height: int
    model_id: bytes
    latent_crc: int
    payload_crc: int
    sections: tuple[SectionInfo, ...]

    @property
    def header_size(self) -> int:
        """Bytes before the first body."""
        return stream_size([0] * len(self.sections))

    @property
    def size(self) -> int:
        """Bytes of the whole stream."""
        return stream_size([section.length for section in self.sections])

    @property
    def bits_per_pixel(self) -> float:
        """Size of the whole stream, header and metadata included, per pixel."""
        return 8 * self.size / (self.width * self.height)


def stream_size(lengths: Sequence[int]) -> int:
    """Return the bytes of a stream whose sections have bodies of so many bytes.

    >>> stream_size([8]), stream_size([100, 20])
    (66, 184)
    """
    return _FIXED.size + len(lengths) * _ENTRY.size + _CRC.size + sum(lengths)


def write_stream(stream: Stream) -> bytes:
    """Return the bytes of a stream, of the version that this module writes.

    Args:
        stream: what to write. The order of the sections is kept.

    Raises:
        PictureError: a size is over a limit.
        FormatError: a field has a value that the reader would refuse.

    >>> stream = Stream(3, 2, bytes(range(16)), 0x01020304, (Section(LATENT, 1, bytes.fromhex("0e00038000000000")),))
    >>> data = write_stream(stream)
    >>> data[:16].hex(" "), len(data)
    ('89 4c 43 49 0d 0a 1a 0a 00 01 00 00 01 00 01 00', 66)
    >>> read_stream(data) == stream
    True
    """
    payload = b"".join(section.body for section in stream.sections)
    info = StreamInfo(
        version=(MAJOR, MINOR),
        kind=stream.kind,
        rate_point=stream.rate_point,
        frame_count=stream.frame_count,
        width=stream.width,
        height=stream.height,
        model_id=stream.model_id,
        latent_crc=stream.latent_crc,
        payload_crc=zlib.crc32(payload),
        sections=tuple(SectionInfo(section.type, section.lanes, len(section.body)) for section in stream.sections),
    )
    _check(info)
    header = _pack(info)
    return b"".join((header, _CRC.pack(zlib.crc32(header)), payload))


def read_info(data: bytes, max_pixels: int = MAX_PIXELS) -> StreamInfo:
    """Read and check the header of a stream.

    Args:
        data: the stream, or a part of it from its start that holds the header (``MAX_HEADER_BYTES`` always do).
        max_pixels: larger pictures are refused; streams have ``MAX_PIXELS`` at most.

    Raises:
        FormatError: not a licrt stream, cut short, damaged, or of a version or kind that this licrt cannot read.
        PictureError: the header asks for more than a limit allows.

    >>> stream = Stream(640, 480, bytes(16), 0, (Section(LATENT, 4, bytes(32)),))
    >>> info = read_info(write_stream(stream)[:60])
    >>> info.width, info.height, info.sections[0].length, info.size
    (640, 480, 32, 90)
    """
    if data[:8] != MAGIC:
        raise _foreign(bytes(data[:8]))
    if len(data) > 8 and data[8] != MAJOR:
        raise FormatError(
            f"the stream is of format version {data[8]}, this licrt reads version {MAJOR}. "
            "Run: pip install --upgrade licrt"
        )
    if len(data) < _FIXED.size:
        raise _short(len(data), _FIXED.size)
    fields = _FIXED.unpack_from(data)
    _, major, minor, kind, rate_point, frame_count, count, reserved, width, height, model_id, *crcs = fields
    end = _FIXED.size + count * _ENTRY.size
    if len(data) < end + _CRC.size:
        raise _short(len(data), end + _CRC.size)
    if _CRC.unpack_from(data, end)[0] != zlib.crc32(data[:end]):
        raise FormatError("the header of the stream is damaged: its checksum is wrong. Copy or download it again")
    if reserved and minor <= MINOR:
        raise _invalid(f"its reserved byte is {reserved}, expected 0")
    sections = tuple(SectionInfo(*entry) for entry in _ENTRY.iter_unpack(data[_FIXED.size : end]))
    info = StreamInfo(
        (major, minor), kind, rate_point, frame_count, width, height, model_id, crcs[0], crcs[1], sections
    )
    _check(info, max_pixels)
    return info


def read_stream(data: bytes, max_pixels: int = MAX_PIXELS) -> Stream:
    """Read and check a whole stream. Sections of unknown ancillary types are kept, for whoever knows them.

    Args:
        data: the stream, all of it and nothing else.
        max_pixels: as for :func:`read_info`.

    Raises:
        FormatError: as :func:`read_info`; also bodies that are cut short or damaged, and bytes after the end.
        PictureError: the header asks for more than a limit allows.
    """
    info = read_info(data, max_pixels)
    if len(data) < info.size:
        raise _short(len(data), info.size)
    if len(data) > info.size:
        raise FormatError(f"{len(data) - info.size} bytes follow the end of the stream, expected none")
    if zlib.crc32(memoryview(data)[info.header_size :]) != info.payload_crc:
        raise FormatError("the payload of the stream is damaged: its checksum is wrong. Copy or download it again")
    sections = []
    start = info.header_size
    for entry in info.sections:
        sections.append(Section(entry.type, entry.lanes, bytes(data[start : start + entry.length])))
        start += entry.length
    return Stream(
        width=info.width,
        height=info.height,
        model_id=info.model_id,
        latent_crc=info.latent_crc,
        sections=tuple(sections),
        kind=info.kind,
        rate_point=info.rate_point,
        frame_count=info.frame_count,
    )


def _pack(info: StreamInfo) -> bytes:
    try:
        fixed = _FIXED.pack(
            MAGIC,
            *info.version,
            info.kind,
            info.rate_point,
            info.frame_count,
            len(info.sections),
            0,
            info.width,
            info.height,
            info.model_id,
            info.latent_crc,
            info.payload_crc,
        )
        entries = [_ENTRY.pack(entry.type, entry.lanes, entry.length) for entry in info.sections]
    except struct.error as error:
        raise _invalid(f"a number does not fit its field ({error})") from error
    return b"".join((fixed, *entries))


def _check(info: StreamInfo, max_pixels: int = MAX_PIXELS) -> None:
    """Raise unless every field has a value that docs/bitstream.md allows. Reader and writer share this."""
    if info.kind != IMAGE:
        kind = _RESERVED_KINDS.get(info.kind, "unknown")
        raise FormatError(f"the stream is of kind {info.kind} ({kind}), this licrt reads images only")
    if info.frame_count != 1:
        raise _invalid(f"an image with {info.frame_count} frames, expected 1")
    if len(info.model_id) != 16:
        raise _invalid(f"a model id of {len(info.model_id)} bytes, expected 16")
    if info.width < 1 or info.height < 1:
        raise _invalid(f"a picture of {info.width} x {info.height} pixels, expected at least 1 x 1")
    check_size(info.width, info.height, min(max_pixels, MAX_PIXELS))
    types = [entry.type for entry in info.sections]
    if len(set(types)) != len(types):
        raise _invalid("two sections of one type, expected one at most")
    if LATENT not in types:
        raise _invalid("no latent section, expected one")
    for entry in info.sections:
        _check_section(entry)
    total = sum(entry.length for entry in info.sections)
    if total > MAX_TOTAL_BYTES:
        raise PictureError(f"sections of {total:,} bytes are over the limit of {MAX_TOTAL_BYTES >> 20} MiB for all")


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise PictureError if a picture has more pixels than allowed; called before there is memory for them."""
    if width * height > max_pixels:
        raise PictureError(
            f"{width} x {height} pixels are over the limit of {max_pixels:,} pixels; scale the picture down or cut it"
        )


def _check_section(entry: SectionInfo) -> None:
    if entry.type not in SECTION_NAMES and entry.type < FIRST_ANCILLARY:
        raise FormatError(
            f"the stream has a section of type {entry.type}, which this licrt does not know and cannot leave out. "
            "Run: pip install --upgrade licrt"
        )
    lanes = (1, 2, 4) if entry.type in _CODED else (0,)
    if entry.lanes not in lanes:
        raise _invalid(f"section {entry.name} with {entry.lanes} lanes, expected one of {lanes}")
    limit = MAX_METADATA_BYTES if entry.type in _METADATA else MAX_BODY_BYTES
    if entry.length > limit:
        raise PictureError(f"section {entry.name} of {entry.length:,} bytes is over the limit of {limit >> 20} MiB")


def _foreign(start: bytes) -> FormatError:
    """Say why the first 8 bytes are not the magic."""
    if MAGIC.startswith(start):
        return _short(len(start), _FIXED.size)
    # What newline translation, 7-bit channels and conversion to UTF-8 do to the magic: docs/bitstream.md, section 1.
    if start.startswith((MAGIC[:4], b"\t" + MAGIC[1:], b"\xc2\x89LCI", b"\xef\xbf\xbdLCI")):
        return FormatError("the stream was damaged by a transfer in text mode. Copy it again in binary mode")
    for signature, kind in _PICTURES.items():
        if start.startswith(signature):
            return FormatError(f"not a licrt stream but a {kind} picture. Run: lic-run encode")
    return FormatError(f"not a licrt stream: it starts with {start.hex(' ')}, expected {MAGIC.hex(' ')}")


def _short(have: int, need: int) -> FormatError:
    return FormatError(f"the stream is cut short: {have:,} bytes of {need:,} are there. Copy or download it again")


def _invalid(what: str) -> FormatError:
    return FormatError(f"not a valid stream: {what}")
