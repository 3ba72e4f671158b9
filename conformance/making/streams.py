"""The streams of one architecture, and what is expected of their decoders."""

from __future__ import annotations

import copy
import hashlib
import struct
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageCms
from references import rans
from torch import nn

from conformance.observe import PICTURES, QUALITIES, Entry, decode
from conformance.spread import follow
from licrt.runtime import Codec, coder, container
from licrt.runtime.bundle import load_bundle
from licrt.runtime.container import Section, Stream, read_info, read_stream, write_stream
from licrt.runtime.entropy import load_entropy_model
from licrt.runtime.exact import load_exact_half
from licrt.runtime.latents import latent_crc, to_float
from licrt.runtime.picture.alpha import write_alpha

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WITH_SECTIONS = "mbt2018-mean"  # the architecture that has each kind of section once
UNKNOWN_SECTION = 200
AMPLIFIED = 8
_MADE = 2026, 11, 25, 8, 18, 36  # date and time in the header of the ICC profile


@dataclass(frozen=True)
class Source:
    """A model, its bundle, and where its streams go."""

    synthesis: nn.Module
    bundle: Path
    folder: Path


def write_streams(source: Source) -> dict[str, Entry]:
    """Write all streams and reference pictures of an architecture; returns the entries of `expected.json`."""
    codec, synthesis = Codec.load(source.bundle, threads=1), copy.deepcopy(source.synthesis).double()
    pictures = {path.stem: np.asarray(Image.open(path).convert("RGB")) for path in sorted(PICTURES.glob("*.png"))}
    written: dict[bytes, str] = {}  # latents to the picture that was made of them
    entries = {}
    for name, data in _streams(source, codec, pictures):
        (source.folder / f"{name}.lci").write_bytes(data)
        entry = decode(codec, data)
        if "error" in entry:
            raise SystemExit(f"{name}: {entry['error']}")
        rgb = entry.pop("rgb")
        y_hat = _checked(source, codec, data)
        if y_hat.tobytes() not in written:
            written[y_hat.tobytes()] = f"{name}.png"
            picture = render(synthesis, to_float(y_hat, load_bundle(source.bundle).mean_fraction), rgb.shape)
            if np.abs(picture.astype(np.int16) - rgb).max() > 1:
                raise SystemExit(f"{name}: ONNX Runtime and PyTorch differ by more than one level")
            Image.fromarray(picture).save(source.folder / f"{name}.png", optimize=True)
        stream = {"stream": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        entries[f"{source.folder.name}/{name}"] = {**stream, "picture": written[y_hat.tobytes()], **entry}
    return entries


def _streams(source: Source, codec: Codec, pictures: dict[str, npt.NDArray[np.uint8]]) -> Iterator[tuple[str, bytes]]:
    for name, rgb in pictures.items():
        for quality in QUALITIES if codec.info.rate_points > 1 else (None,):
            yield name if quality is None else f"{name}-q{quality}", codec.encode(rgb, quality=quality)
    mountain = codec.encode(pictures["mountain"])
    for lanes in (2, 4):
        yield f"mountain-{lanes}-lanes", in_lanes(source, codec, mountain, lanes)
    yield "mountain-amplified", amplified(source, codec, mountain)
    if source.folder.name == WITH_SECTIONS:
        yield "sections", _with_metadata(codec, pictures["mountain"])
        stream = read_stream(mountain)
        unknown = Section(UNKNOWN_SECTION, 0, b"of a later version, which anybody may leave out")
        yield "unknown-ancillary", write_stream(replace(stream, sections=(unknown, *stream.sections)))
        later = bytearray(mountain)
        later[9], later[15] = 7, 1  # the reserved byte means something there
        yield "later-minor-version", refit(later)


def in_lanes(source: Source, codec: Codec, data: bytes, lanes: int) -> bytes:
    """Code a stream's symbols again, in another number of lanes."""
    entropy, symbols = load_entropy_model(load_bundle(source.bundle)), codec.decode_symbols(data)
    tables = entropy.gaussian or entropy.prior
    bodies = {container.LATENT: coder.encode(symbols.latent, symbols.indexes, tables, lanes)}
    if symbols.hyper is not None:
        channels = len(entropy.medians)
        indexes = np.repeat(np.arange(channels, dtype=np.int32), symbols.hyper.size // channels)
        bodies[container.HYPER_LATENT] = coder.encode(symbols.hyper, indexes, entropy.prior, lanes)
    return write_stream(
        replace(read_stream(data), sections=tuple(Section(kind, lanes, body) for kind, body in bodies.items()))
    )


def amplified(source: Source, codec: Codec, data: bytes) -> bytes:
    """Encode a picture's latents once more, larger than any picture's: they leave tables and ranges of networks."""
    bundle, symbols = load_bundle(source.bundle), codec.decode_symbols(data)
    hyper, shape = None, symbols.y_hat.shape
    entropy, info = load_entropy_model(bundle), read_info(data)
    if symbols.hyper is not None:
        hyper = AMPLIFIED * symbols.hyper.reshape(entropy.hyper_shape(*shape[1:])).astype(np.float32)
    latent = AMPLIFIED * to_float(symbols.y_hat, bundle.mean_fraction)
    coded, coded_hyper, y_hat = entropy.encode(latent, hyper, 1, info.rate_point)
    sections = [Section(container.LATENT, coded.lanes, coded.data)]
    if coded_hyper:
        sections.append(Section(container.HYPER_LATENT, coded_hyper.lanes, coded_hyper.data))
    numbers = info.width, info.height, info.model_id, latent_crc(y_hat)
    return write_stream(Stream(*numbers, tuple(sections), rate_point=info.rate_point))


def _with_metadata(codec: Codec, rgb: npt.NDArray[np.uint8]) -> bytes:
    height, width = rgb.shape[:2]
    alpha = np.linspace(0, 255, height * width).astype(np.uint8).reshape(height, width)
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = made[:24] + struct.pack(">6H", *_MADE) + made[36:]
    exif = Image.Exif()
    exif[0x010E] = "Picos de Europa"  # ImageDescription
    parts = {"alpha": write_alpha(alpha), "icc": profile, "exif": exif.tobytes().removeprefix(b"Exif\0\0")}
    return codec.encode(rgb, **parts)


def refit(data: bytearray) -> bytes:
    """Make payload CRC and header CRC of a stream fit its bytes."""
    end = 48 + 6 * data[14]
    struct.pack_into("<I", data, 44, zlib.crc32(data[end + 4 :]))
    struct.pack_into("<I", data, end, zlib.crc32(data[:end]))
    return bytes(data)


def _checked(source: Source, codec: Codec, data: bytes) -> npt.NDArray[np.int32]:
    """Return the latents that the native engine decodes, once references in Python come to the same bytes."""
    bundle, symbols, stream = load_bundle(source.bundle), codec.decode_symbols(data), read_stream(data)
    half = load_exact_half(bundle)
    indexes, y_hat = follow(bundle, half, symbols, read_info(data))
    tables: Any = half.hyper.gaussian if half.hyper else half.prior
    lanes = next(section.lanes for section in stream.sections if section.type == container.LATENT)
    payload = rans.encode(symbols.latent, indexes.ravel(), tables.cdf, tables.lengths, tables.offsets, lanes)
    if payload != stream.body(container.LATENT) or not np.array_equal(y_hat, symbols.y_hat):
        raise SystemExit(f"{source.folder.name}: the references do not come to the same stream and latents")
    return symbols.y_hat


def render(synthesis: nn.Module, latent: npt.NDArray[np.float32], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Return the picture of a latent, computed by PyTorch in 64-bit floats."""
    with torch.no_grad():
        planes = synthesis(torch.from_numpy(latent)[None].double())[0].clamp(0, 1).mul(255).round()
    picture: npt.NDArray[np.uint8] = planes.permute(1, 2, 0).numpy().astype(np.uint8)[: shape[0], : shape[1]]
    return np.ascontiguousarray(picture)
