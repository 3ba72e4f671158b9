"""Files that every decoder has to refuse, and how."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from conformance.making.streams import refit
from conformance.observe import MODELS, STREAMS, VERSION
from licrt.runtime import Codec, coder, container
from licrt.runtime.bundle import load_bundle
from licrt.runtime.container import Section, read_stream, write_stream
from licrt.runtime.entropy import load_entropy_model
from licrt.runtime.picture.alpha import write_alpha

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HYPER, CONTEXT, FACTORISED, RATES = "mbt2018-mean", "mbt2018", "bmshj2018-factorized", "mbt2018-mean-vbr"
STREAM, MODEL, LIMIT = 3, 4, 6  # exit codes
WIDTH, LATENT_CRC, PAYLOAD_CRC, TABLE = 16, 40, 44, 48  # places in the header


@dataclass(frozen=True)
class Refused:
    """A file, and what is wrong with it.

    Attributes:
        data: its bytes.
        code: exit code of `lic-run decode`.
        reason: one word.
        model: the model to decode it with; None for the one that the stream names.
        picture: whether only a decoder of pixels and metadata can tell.
    """

    data: bytes
    code: int
    reason: str
    model: str | None = HYPER
    picture: bool = False


def write_refused(folder: Path) -> None:
    """Write all files, and `expected.json`."""
    files = {}
    for name, each in _all():
        (folder / f"{name}.lci").write_bytes(each.data)
        files[f"{name}.lci"] = {
            "exit_code": each.code,
            "reason": each.reason,
            "model": each.model,
            "picture": each.picture,
        }
    (folder / "expected.json").write_text(json.dumps({"version": VERSION, "files": files}, indent=1) + "\n")


def _all() -> Iterator[tuple[str, Refused]]:
    whole = _read(HYPER)
    yield from _bytes(whole)
    yield from _fields(whole)
    yield from _sections(whole)
    yield from _payloads(whole)
    yield from _models(whole)


def _bytes(whole: bytes) -> Iterator[tuple[str, Refused]]:
    """Files that were cut, lengthened or changed on the way."""
    header = TABLE + 6 * whole[14] + 4
    yield "empty", Refused(b"", STREAM, "cut")
    yield "cut-in-magic", Refused(whole[:5], STREAM, "cut")
    yield "cut-in-header", Refused(whole[:47], STREAM, "cut")
    yield "cut-in-table", Refused(whole[: header - 1], STREAM, "cut")
    yield "cut-in-body", Refused(whole[:-1], STREAM, "cut")
    yield "longer", Refused(whole + b"?", STREAM, "longer")
    yield "text-mode", Refused(whole.replace(b"\r\n", b"\n"), STREAM, "transfer")
    yield "a-picture", Refused((STREAMS / HYPER / "pixel.png").read_bytes(), STREAM, "foreign")
    yield "magic-flipped", Refused(_flipped(whole, 1), STREAM, "foreign")
    yield "header-flipped", Refused(_flipped(whole, WIDTH), STREAM, "header")
    yield "header-crc-flipped", Refused(_flipped(whole, header - 1), STREAM, "header")
    yield "payload-flipped", Refused(_flipped(whole, len(whole) - 9), STREAM, "payload")
    crc = bytearray(_flipped(whole, PAYLOAD_CRC))
    yield "payload-crc-flipped", Refused(_header_refit(crc), STREAM, "payload")


def _fields(whole: bytes) -> Iterator[tuple[str, Refused]]:
    """Headers whose checksum is right and whose contents are not."""
    for name, place, value, reason in (
        ("major-version", 8, 1, "version"),
        ("kind-video", 10, 1, "kind"),
        ("kind-unknown", 10, 9, "kind"),
        ("rate-point", 11, 1, "rate"),
        ("two-frames", 12, 2, "frames"),
        ("reserved-byte", 15, 1, "reserved"),
    ):
        yield name, Refused(_changed(whole, place, bytes([value])), STREAM, reason)
    rates = _read(RATES, "mountain-q37")
    yield "rate-point-beyond", Refused(_changed(rates, 11, b"\x40"), STREAM, "rate", RATES)
    yield "no-width", Refused(_changed(whole, WIDTH, struct.pack("<I", 0)), STREAM, "size")
    yield "no-height", Refused(_changed(whole, WIDTH + 4, struct.pack("<I", 0)), STREAM, "size")
    yield "too-many-pixels", Refused(_changed(whole, WIDTH, struct.pack("<2I", 25000, 20001)), LIMIT, "limit")
    most = struct.pack("<2I", 0xFFFFFFFF, 0xFFFFFFFF)
    yield "most-pixels", Refused(_changed(whole, WIDTH, most), LIMIT, "limit")
    small = _read(HYPER, "pixel")
    yield "too-short-for-its-size", Refused(_changed(small, WIDTH, struct.pack("<2I", 25000, 20000)), STREAM, "short")
    yield "other-size", Refused(_changed(whole, WIDTH, struct.pack("<2I", 300, 200)), STREAM, "coder")


def _sections(whole: bytes) -> Iterator[tuple[str, Refused]]:
    """Section tables that break a rule."""
    stream = read_stream(whole)
    latent, hyper = stream.sections
    ancillary = write_stream(replace(stream, sections=(latent, hyper, Section(200, 0, b"body"))))
    third = TABLE + 2 * 6
    yield "unknown-critical-section", Refused(_changed(ancillary, third, b"\x63"), STREAM, "section")
    yield "two-latents", Refused(_changed(ancillary, third, b"\x01\x01"), STREAM, "section")
    yield "lanes-of-ancillary", Refused(_changed(ancillary, third + 1, b"\x01"), STREAM, "lanes")
    yield "three-lanes", Refused(_changed(whole, TABLE + 1, b"\x03"), STREAM, "lanes")
    yield "no-lanes", Refused(_changed(whole, TABLE + 1, b"\x00"), STREAM, "lanes")
    yield "no-latent", Refused(_changed(whole, TABLE, b"\xc9\x00"), STREAM, "section")
    yield (
        "no-sections",
        Refused(_header_refit(bytearray(whole[:14] + b"\0" + whole[15:TABLE] + bytes(4))), STREAM, "section"),
    )
    yield "no-hyper-latent", Refused(write_stream(replace(stream, sections=(latent,))), STREAM, "section")
    factorised = read_stream(_read(FACTORISED))
    more = write_stream(replace(factorised, sections=(*factorised.sections, hyper)))
    yield "hyper-latent-of-none", Refused(more, STREAM, "section", FACTORISED)
    exif = struct.pack("<BBI", container.EXIF, 0, (16 << 20) + 1)
    yield "exif-over-limit", Refused(_header_refit(_patched(ancillary, third, exif)), LIMIT, "limit")
    large = struct.pack("<I", (1 << 30) + 1)
    yield "body-over-limit", Refused(_header_refit(_patched(whole, TABLE + 2, large)), LIMIT, "limit")
    yield (
        "length-beyond-end",
        Refused(_header_refit(_patched(whole, TABLE + 2, struct.pack("<I", 1 << 30))), STREAM, "cut"),
    )
    for name, alpha in (
        ("alpha-damaged", b"\x89PNG no more"),
        ("alpha-of-other-size", write_alpha(np.zeros((5, 5), np.uint8))),
    ):
        sections = (*stream.sections, Section(container.ALPHA, 0, alpha))
        yield name, Refused(write_stream(replace(stream, sections=sections)), STREAM, "alpha", picture=True)


def _payloads(whole: bytes) -> Iterator[tuple[str, Refused]]:
    """Whole containers whose coded bodies are not what an encoder writes."""
    for prefix, arch, kind in (
        ("", HYPER, container.LATENT),
        ("hyper-", HYPER, container.HYPER_LATENT),
        ("context-", CONTEXT, container.LATENT),
        ("factorised-", FACTORISED, container.LATENT),
    ):
        stream = read_stream(_read(arch))
        body = stream.body(kind) or b""
        state = struct.pack("<Q", (1 << 31) - 1)
        for name, changed in (
            ("coder-ends-early", body + bytes(4)),
            ("coder-ends-late", body[:-4]),
            ("coder-ends-wrong", _flipped(body, len(body) // 2)),
            ("coder-starts-wrong", state + body[8:]),
            ("coder-ragged", body + b"\0"),
            ("coder-empty", b""),
        ):
            sections = tuple(
                replace(section, body=changed) if section.type == kind else section for section in stream.sections
            )
            yield prefix + name, Refused(write_stream(replace(stream, sections=sections)), STREAM, "coder", arch)
    yield "symbol-beyond-range", Refused(_with_symbol(whole, 1 << 15 | 1), STREAM, "symbol")
    yield "latent-crc", Refused(_changed(whole, LATENT_CRC, bytes([whole[LATENT_CRC] ^ 1])), MODEL, "latents")
    symbol = int(Codec.load(MODELS / HYPER, threads=1).decode_symbols(whole).latent[0])
    yield "other-symbol", Refused(_with_symbol(whole, symbol + 1), MODEL, "latents")


def _models(whole: bytes) -> Iterator[tuple[str, Refused]]:
    yield "wrong-model", Refused(whole, MODEL, "model", CONTEXT)
    yield "unknown-model", Refused(_changed(whole, 24, bytes(16)), MODEL, "model", None)


def _read(arch: str, name: str = "mountain") -> bytes:
    return (STREAMS / arch / f"{name}.lci").read_bytes()


def _with_symbol(whole: bytes, symbol: int) -> bytes:
    """Code the stream's latent again with another first symbol; the latent CRC stays that of the old one."""
    symbols = Codec.load(MODELS / HYPER, threads=1).decode_symbols(whole)
    changed = symbols.latent.copy()
    changed[0] = symbol
    tables = load_entropy_model(load_bundle(MODELS / HYPER)).gaussian
    stream = read_stream(whole)
    body = coder.encode(changed, symbols.indexes, tables, stream.sections[0].lanes)
    return write_stream(replace(stream, sections=(replace(stream.sections[0], body=body), stream.sections[1])))


def _flipped(data: bytes, place: int) -> bytes:
    """Return bytes with one bit changed."""
    return bytes(_patched(data, place, bytes([data[place] ^ 1])))


def _patched(data: bytes, place: int, new: bytes) -> bytearray:
    return bytearray(data[:place] + new + data[place + len(new) :])


def _changed(data: bytes, place: int, new: bytes) -> bytes:
    """Return a stream with other bytes in its header, and checksums that fit."""
    return refit(_patched(data, place, new))


def _header_refit(data: bytearray) -> bytes:
    """Make the header CRC alone fit."""
    end = TABLE + 6 * data[14]
    struct.pack_into("<I", data, end, zlib.crc32(data[:end]))
    return bytes(data)
