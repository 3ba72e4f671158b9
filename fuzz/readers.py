"""What Python reads of strangers: streams, the exact half of bundles, and what graphs hold.

`one_input` takes `c` and a stream; `g` and an ONNX graph; or `b`, the length of a manifest (4 bytes), the manifest, and
`entropy.safetensors`. Only LicrtError may come out of the readers, in one line that can be printed; what they accept,
the core accepts.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from licrt.runtime import context
from licrt.runtime._native import ContextModel, Network
from licrt.runtime.bundle import HALVES, MAX_SIDE, load_bundle
from licrt.runtime.container import MAJOR, MINOR, read_info, read_stream, write_stream
from licrt.runtime.errors import LicrtError
from licrt.runtime.exact import load_exact_half
from licrt.runtime.flat import flat_bytes
from licrt.runtime.graph import check_graph
from licrt.runtime.graph_inputs import graph_inputs
from licrt.runtime.integer import to_blob
from licrt.runtime.shapes import sizes_of
from licrt.runtime.tensors import read_safetensors

if TYPE_CHECKING:
    from collections.abc import Callable


def one_input(data: bytes) -> None:
    """Read an input; raises whatever is not as it should be."""
    _refusable(KINDS.get(data[:1], read_bundle), data[1:])


def read_container(data: bytes) -> None:
    """A stream that is read can be written; its header alone says the same."""
    info = read_info(data)
    assert read_info(data[: info.header_size]) == info
    stream = read_stream(data)
    assert len(data) == info.size
    again = write_stream(stream)
    assert read_stream(again) == stream
    assert again == data or info.version != (MAJOR, MINOR)


def read_graph(data: bytes) -> None:
    """What is let through has inputs that can be told, or a reason why not; sizes are numbers or unknown."""
    check_graph(data, "a graph")
    for item in graph_inputs(data, "a graph"):
        assert all(side is None or side > 0 for side in item.shape)


def split_bundle(data: bytes) -> tuple[bytes, bytes]:
    """Return manifest and tensors."""
    length = int.from_bytes(data[:4], "little")
    return data[4 : 4 + length], data[4 + length :]


def join_bundle(manifest: bytes, tensors: bytes) -> bytes:
    """Return the input of a bundle; the inverse of `split_bundle`."""
    return struct.pack("<I", len(manifest)) + manifest + tensors


def read_bundle(data: bytes) -> None:
    """Load a bundle's exact half, and make the core's networks of it."""
    manifest, tensors = split_bundle(data)
    folder = _folder()
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "entropy.safetensors").write_bytes(tensors)
    _refusable(read_tensors, tensors)
    bundle = load_bundle(folder)
    for file in bundle.manifest["files"]:
        _refusable(bundle.read, file)
    half = load_exact_half(bundle)
    for role in HALVES if half.hyper else ("analysis", "synthesis"):
        least, best, most = sizes_of(bundle, role)
        assert all(0 < low <= middle <= high <= MAX_SIDE for low, middle, high in zip(least, best, most, strict=True))
    if half.hyper is not None:
        try:
            Network(to_blob(half.hyper.network), "scalar")
            if half.hyper.context is not None:
                ContextModel(context.to_blob(half.hyper.context), "scalar")
        except LicrtError as error:
            raise AssertionError("the core refuses what Python has proved") from error
        half.hyper.gaussian.native()
    half.prior.native()
    flat_bytes(bundle, half)


def read_tensors(data: bytes) -> None:
    """Tensors lie side by side behind the header, to the end of the file."""
    sizes = [array.nbytes for array in read_safetensors(data).values()]
    assert 8 + int.from_bytes(data[:8], "little") + sum(sizes) == len(data)


KINDS = {b"b": read_bundle, b"c": read_container, b"g": read_graph}  # by the first byte of an input


def _refusable(read: Callable[[Any], object], argument: object) -> None:
    """Read something that may be refused."""
    try:
        read(argument)
    except LicrtError as error:
        assert str(error).isprintable(), repr(str(error))
        assert len(str(error)) < 1000, f"{len(str(error))} characters"


@functools.cache
def _folder() -> Path:
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    return Path(folder)
