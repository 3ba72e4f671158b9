"""Bundles: a directory with `manifest.json`, float graphs in ONNX, and `entropy.safetensors` (docs/bitstream.md).

A bundle may come from anywhere. Its manifest is validated field by field here, the hash of every file is compared
before the file is used, and file names cannot leave the directory. What a link in it leads to is used if it is a
regular file of the right hash: caches of downloads are made of such links.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from licrt.runtime import strict_json
from licrt.runtime.errors import ModelError, first_line
from licrt.runtime.expect import shown
from licrt.runtime.integer import MAX_RATE_POINTS
from licrt.runtime.tensors import Tensors, read_safetensors

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT_VERSION = 1
HALVES = ("analysis", "hyper_analysis", "synthesis")  # what a codec needs, of its encoder and of its decoder
ROLES = (*HALVES, "hyper_synthesis")
TARGETS = ("onnx", "tensorrt")
PRECISIONS = ("fp32", "fp16", "bf16")
MAX_MANIFEST_BYTES = 1 << 20
MAX_FILES = 64
MAX_SIDE = 1 << 16  # samples that a graph is run on
MAX_MEAN_FRACTION = 8  # with |symbol| <= 2^15 this keeps |y_hat| < 2^24: docs/integer-net.md, section 5
_MAX_FILE_BYTES = 1 << 31
_MAX_NAME_BYTES = 200


class Sizes(NamedTuple):
    """Heights and widths that a graph may be run on, in samples of its input; equal ones are one fixed size."""

    least: tuple[int, int]
    best: tuple[int, int]
    most: tuple[int, int]


@dataclass(frozen=True)
class Graph:
    """One float network.

    Attributes:
        file: its file.
        halo: how many input samples around a tile influence the tile's output.
        multiplications: of its layers for each latent sample; None where the export did not count them.
        precision: what it computes in.
        takes_bytes: pictures are uint8 `[1, height, width, 3]`, converted inside; else float32 `[1, 3, height, width]`.
        sizes: what it may be run on; None for any size.
    """

    file: str
    halo: int
    multiplications: int | None = None
    precision: str = "fp32"
    takes_bytes: bool = False
    sizes: Sizes | None = None


@dataclass(frozen=True)
class Bundle:
    """What `manifest.json` says, checked. Can be a key: bundles are equal if all of that is.

    Attributes:
        directory: where the files are.
        name, id: name for people; 32 hex digits that a stream names its model by.
        arch, quality, metric: how it was trained; quality is None where the zoo has no such model.
        stride: pixels per latent sample; pictures are padded to a multiple of it.
        latent_channels: M.
        hyper_channels, hyper_stride: N and latent samples per hyper-latent sample; 0 for factorised models.
        mean_fraction: fraction bits of y_hat.
        rate_points, default_point: of variable-rate models, and the one to encode at unless told; otherwise 1 and 0.
        graphs: role to graph; a half bundle (`--part`) lacks some.
        manifest: the whole manifest.
        target: the engines that the graphs are made for: "onnx" for all, or "tensorrt".
    """

    directory: Path
    name: str
    id: str
    arch: str
    quality: int | None
    metric: str
    stride: int
    latent_channels: int
    hyper_channels: int
    hyper_stride: int
    mean_fraction: int
    rate_points: int
    default_point: int
    graphs: Mapping[str, Graph] = field(hash=False)
    manifest: Mapping[str, Any] = field(hash=False)
    target: str = "onnx"

    def latent_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size of the latent of a picture of height x width pixels."""
        return -(-height // self.stride), -(-width // self.stride)

    def read(self, file: str) -> bytes:
        """Return the bytes of one of the bundle's files, after comparing its hash with the manifest's."""
        path = self.directory / file
        try:
            data = _read_regular(path, _MAX_FILE_BYTES)
        except OSError as error:
            raise ModelError(f"model {self.name}: cannot read {path}: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != self.manifest["files"][file]["sha256"]:
            raise ModelError(f"model {self.name}: {file} is not the file that was exported; install the model again")
        return data


def load_bundle(directory: Path) -> Bundle:
    """Read and check `directory/manifest.json`.

    Raises:
        ModelError: there is no manifest, or it is not one that this version can use.
    """
    return parse_manifest(directory, read_manifest(directory))


def read_manifest(directory: Path) -> bytes:
    """Read `directory/manifest.json`, for `parse_manifest`.

    Raises:
        ModelError: there is none, or it is too large.
    """
    path = directory / "manifest.json"
    try:
        return _read_regular(path, MAX_MANIFEST_BYTES)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}. Expected a directory made by export-model") from error


def parse_manifest(directory: Path, text: bytes) -> Bundle:
    """Check the manifest of the bundle in a directory.

    Raises:
        ModelError: it is not one that this version can use.
    """
    path = directory / "manifest.json"
    try:
        manifest = strict_json.parse(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not JSON ({first_line(error)}); export or install the model again") from error
    if not isinstance(manifest, dict) or manifest.get("format") != "licrt-bundle":
        raise ModelError(f"{path} is not the manifest of a licrt bundle; expected a directory made by export-model")
    if manifest.get("format_version") != FORMAT_VERSION:
        version = shown(manifest.get("format_version"))
        raise ModelError(f"{path} has format version {version}; this licrt reads version {FORMAT_VERSION}")
    try:
        return _checked(directory, manifest)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path} is damaged near {first_line(error)}; export or install the model again") from error


def is_plain_name(name: str) -> bool:
    """Tell whether a name can be that of a file or directory in another one, and be printed.

    >>> is_plain_name("mbt2018-mean-mse-4"), is_plain_name("../secret"), is_plain_name("")
    (True, False, False)
    """
    return (
        name.isprintable()
        and not name.startswith(".")
        and Path(name).name == name
        and 0 < len(name.encode()) <= _MAX_NAME_BYTES
    )


def _read_regular(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file of at most so many; what a link leads to counts.

    Others are not opened: devices do things when they are, and pipes never end. The size is that of the file that is
    read, whatever was put in its place, and files of /proc, which claim to be empty and are not, are refused.

    Raises:
        OSError: it cannot be read.
        ModelError: it is another kind of file, or larger.
    """
    _expect_regular(path, path.stat(), most)
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)  # or a pipe waits for a writer
    with os.fdopen(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        _expect_regular(path, status, most)
        data = file.read(status.st_size + 1)
    if len(data) != status.st_size:
        raise ModelError(f"{path} has another size than its directory says; install the model again")
    return data


def _expect_regular(path: Path, status: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_size > most:
        raise ModelError(f"{path} is no regular file of at most {most >> 20} MiB; install the model again")


def _checked(directory: Path, manifest: dict[str, Any]) -> Bundle:
    if len(manifest["files"]) > MAX_FILES:
        raise ValueError(f"{len(manifest['files'])} files")
    for name, entry in manifest["files"].items():
        if not is_plain_name(name) or len(entry["sha256"]) != 64:
            raise ValueError("files")
    graphs = {}
    for role, graph in manifest["graphs"].items():
        if role not in ROLES or graph["file"] not in manifest["files"]:
            raise ValueError("graphs")
        graphs[role] = _graph(role, graph, manifest["entropy"])
    if not _is_hex(manifest["id"], 32) or not _is_hex(manifest["synthesis_sha256"], 64):
        raise ValueError("id or synthesis_sha256")
    entropy, target = manifest["entropy"], manifest.get("target", "onnx")
    if target not in TARGETS:
        raise ValueError(f"target = {shown(target)}, expected {' or '.join(TARGETS)}")
    rate_points = _integer(entropy["rates"], "rate_points", 1, MAX_RATE_POINTS) if "rates" in entropy else 1
    quality = manifest.get("quality")
    if not (quality is None or type(quality) is int) or "entropy.safetensors" not in manifest["files"]:
        raise ValueError("quality or files")
    return Bundle(
        directory=directory,
        name=_text(manifest, "name"),
        id=manifest["id"],
        arch=_text(manifest, "arch"),
        quality=quality,
        metric=_text(manifest, "metric"),
        stride=_integer(entropy, "stride", 1, 256),
        latent_channels=_integer(entropy, "latent_channels", 1, 4096),
        hyper_channels=_integer(entropy, "hyper_channels", 0, 4096),
        hyper_stride=_integer(entropy, "hyper_stride", 0, 64),
        mean_fraction=_integer(entropy, "mean_fraction", 0, MAX_MEAN_FRACTION),
        rate_points=rate_points,
        default_point=_integer(manifest, "default_point", 0, rate_points - 1) if "rates" in entropy else 0,
        graphs=graphs,
        manifest=manifest,
        target=target,
    )


def _graph(role: str, entry: Mapping[str, Any], entropy: Mapping[str, Any]) -> Graph:
    halo = _integer(entry, "halo", 0, 4096)
    counted = _integer(entry, "multiplications", 0, 1 << 40) if "multiplications" in entry else None
    precision, pixels = entry.get("precision", "fp32"), entry.get("pixels", "float32")
    if precision not in PRECISIONS or pixels not in ("float32", "uint8"):
        raise ValueError(f"precision or pixels of {role}")
    if pixels == "uint8" and role == "hyper_analysis":
        raise ValueError("pixels of hyper_analysis, which sees none")
    sizes = _sizes(role, entry["shapes"], halo, entropy) if "shapes" in entry else None
    return Graph(str(entry["file"]), halo, counted, precision, pixels == "uint8", sizes)


def _sizes(role: str, entry: Mapping[str, Any], halo: int, entropy: Mapping[str, Any]) -> Sizes:
    """Check sizes: what is cut begins at whole samples of the output, and the largest has something inside its halo."""
    if any(type(entry[name]) is not list or len(entry[name]) != 2 for name in Sizes._fields):
        raise ValueError(f"shapes of {role}, expected pairs of height and width")
    sizes = Sizes(*((entry[name][0], entry[name][1]) for name in Sizes._fields))
    units = {"analysis": "stride", "hyper_analysis": "hyper_stride"}
    unit = _integer(entropy, units[role], 1, 256) if role in units else 1
    for least, best, most in zip(*sizes, strict=True):
        if any(type(side) is not int for side in (least, best, most)) or not 0 < least <= best <= most <= MAX_SIDE:
            raise ValueError(f"shapes of {role}, expected whole numbers that do not decrease")
        if most % unit or most <= 2 * unit * -(-halo // unit):
            raise ValueError(f"shapes of {role}: {most}, expected whole {unit}s, more than two halos of {halo}")
        if least % unit if role != "hyper_analysis" else least > 1:  # which is never padded
            raise ValueError(f"shapes of {role}: at least {least}")
    return sizes


def load_tensors(bundle: Bundle) -> Tensors:
    """Read `entropy.safetensors` and check that the bundle's id was made from it."""
    tensors = read_safetensors(bundle.read("entropy.safetensors"))
    try:
        identity = model_id(tensors, bundle.manifest["entropy"], bundle.manifest["synthesis_sha256"])
    except RecursionError as error:
        raise ModelError(f"model {bundle.name}: its manifest is nested too deeply; install the model again") from error
    if identity != bundle.id:
        raise ModelError(f"model {bundle.name}: its id does not belong to its tensors; export or install it again")
    return tensors


def model_id(tensors: Tensors, entropy: Mapping[str, Any], synthesis_sha256: str) -> str:
    """Compute a model's id: 32 hex digits that change with anything that a decoder's latents or pixels depend on.

    SHA-256, cut to 16 bytes, over the manifest's `entropy` entry as compact JSON with sorted keys, the hash of the
    source float synthesis weights, and every integer tensor (name, dtype, shape, little-endian bytes) in order of name.
    ONNX bytes are left out on purpose: they change with every exporter version and precision.

    >>> model_id({}, {"stride": 16}, "")
    '34a7d4795459742998a0bc8044ea382a'
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(entropy, sort_keys=True, separators=(",", ":")).encode())
    digest.update(synthesis_sha256.encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name], dtype=tensors[name].dtype.newbyteorder("<"))
        digest.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:32]


def _is_hex(text: Any, digits: int) -> bool:
    return type(text) is str and len(text) == digits and set(text) <= set("0123456789abcdef")


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry[key]
    if type(value) is not str or not value.isprintable() or len(value) > _MAX_NAME_BYTES:
        raise ValueError(f"{key}, expected a line of text")
    return value


def _integer(entry: Mapping[str, Any], key: str, low: int, high: int) -> int:
    value = entry[key]
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{key} = {shown(value)}, expected {low}…{high}")
    return value
