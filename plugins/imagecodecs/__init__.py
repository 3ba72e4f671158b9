"""Functions of the shape that `imagecodecs` gives each of its codecs, for callers of that library: arrays in and out.

As there, `out` may be None, a size, a type or a buffer, `numthreads` None is one thread and 0 is all CPUs, and the
functions are safe to call from several threads. The models that were used last stay loaded.

>>> picture = np.full((5, 7, 3), 128, np.uint8)
>>> data = lci_encode(picture)
>>> lci_check(data), lci_decode(data).shape
(True, (5, 7, 3))
"""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from licrt.runtime import __version__, container
from licrt.runtime.errors import LicrtError, PictureError, enough_memory
from licrt.runtime.models import DEFAULT
from licrt.runtime.picture import read_alpha, write_alpha
from licrt.runtime.shared import shared_codec

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LCI", "LciError", "lci_check", "lci_decode", "lci_encode", "lci_version"]

Pixels = npt.NDArray[np.uint8]
Readable = bytes | bytearray | memoryview | Pixels
Writeable = bytearray | memoryview | Pixels

LciError = LicrtError


class LCI:
    """Constants of the codec: it is there."""

    available = True


def lci_version() -> str:
    """Return the name and version of the library."""
    return f"licrt {__version__}"


def lci_check(data: Readable) -> bool:
    r"""Tell whether data begin as a stream does.

    >>> lci_check(b"\x89LCI\r\n\x1a\n"), lci_check(b"")
    (True, False)
    """
    return _bytes(data[: len(container.MAGIC)]) == container.MAGIC


@enough_memory()
def lci_encode(
    data: npt.ArrayLike,
    level: int | None = None,
    *,
    model: str | Path = DEFAULT,
    numthreads: int | None = None,
    out: SupportsIndex | type[bytes | bytearray] | Writeable | None = None,
) -> bytes | bytearray | memoryview | Pixels:
    """Encode a picture.

    Args:
        data: uint8 `[height, width]` or `[height, width, samples]`: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
            Streams hold RGB, so gray comes back as RGB.
        level: 0 (smallest) to 100 (best) of a variable-rate model; None for its default.
        model: as `Codec.load` takes it.
        numthreads: threads; None for one, 0 for all CPUs.
        out: None or `bytes` for new bytes, `bytearray` for a new one, how many bytes the stream may have at most, or a
            buffer to write to.

    Returns:
        The stream; of a buffer, the part that was written, as an array or a memoryview of it, or all of it.

    Raises:
        LciError: the array is not such a picture, the output is too small, or as `Codec.encode`.
    """
    pixels = np.asarray(data)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or not 1 <= pixels.shape[2] <= 4:
        found = f"{pixels.dtype} {list(np.shape(data))}"
        raise PictureError(f"expected a uint8 array [height, width] or [height, width, 1 to 4], got {found}")
    samples = pixels.shape[2]
    colours = pixels[..., :3] if samples > 2 else np.broadcast_to(pixels[..., :1], (*pixels.shape[:2], 3))
    alpha = write_alpha(pixels[..., -1]) if samples in (2, 4) and pixels.size else None
    return _put(shared_codec(model, threads=_threads(numthreads)).encode(colours, quality=level, alpha=alpha), out)


@enough_memory()
def lci_decode(
    data: Readable,
    index: int | None = None,
    *,
    numthreads: int | None = None,
    out: SupportsIndex | Writeable | None = None,
) -> Pixels:
    """Decode a picture with the installed model that the stream names.

    Args:
        data: a stream.
        index: which picture of the stream, None or 0: it has one.
        numthreads: threads; None for one, 0 for all CPUs.
        out: None for a new array; or a uint8 array of the result's shape and any strides, or a buffer of at least its
            size, to write to. What it holds after an error is undefined.

    Returns:
        uint8 `[height, width, 3]`, or `[height, width, 4]` where the stream has alpha.

    Raises:
        IndexError: there is no such picture.
        LciError: `out` does not fit the picture, or as `licrt.runtime.decode`.
    """
    if index not in (None, 0):
        raise IndexError(f"index {index} is out of range: a stream holds one picture, of index 0")
    stream = _bytes(data)
    info = container.read_info(stream)
    codec = shared_codec(info.model_id.hex(), threads=_threads(numthreads))
    if out is None or isinstance(out, Integral):
        image = codec.decode_image(stream)
        if image.alpha is None:
            return image.rgb
        return np.dstack((image.rgb, np.asarray(read_alpha(image.alpha, (info.width, info.height)))))
    has_alpha = any(section.type == container.ALPHA for section in info.sections)
    pixels = _array(out, (info.height, info.width, 4 if has_alpha else 3))
    image = codec.decode_image(stream, out=pixels[..., :3])
    if image.alpha is not None:
        pixels[..., 3] = np.asarray(read_alpha(image.alpha, (info.width, info.height)))
    return pixels


def _threads(numthreads: int | None) -> int | None:
    """Return the threads for a codec, where None means all CPUs."""
    if numthreads is None:
        return 1
    return numthreads if numthreads > 0 else None


def _bytes(data: Readable) -> bytes:
    return data.tobytes() if isinstance(data, np.ndarray) else bytes(data)


def _put(stream: bytes, out: Any) -> bytes | bytearray | memoryview | Pixels:
    """Return the stream in the kind of output asked for."""
    if out is None or out is bytes:
        return stream
    if out is bytearray:
        return bytearray(stream)
    if isinstance(out, Integral):
        if int(out) < len(stream):
            raise PictureError(f"the stream has {len(stream)} bytes, more than the {out} that it may have")
        return stream
    view = _writeable(out, len(stream))
    view[:] = stream
    if memoryview(out).nbytes == len(stream):
        return out  # type: ignore[no-any-return]
    return np.frombuffer(view, np.uint8) if isinstance(out, np.ndarray) else view


def _array(out: Any, shape: tuple[int, int, int]) -> Pixels:
    """Return the array to decode to."""
    if not isinstance(out, np.ndarray):
        return np.frombuffer(_writeable(out, shape[0] * shape[1] * shape[2]), np.uint8).reshape(shape)
    if out.dtype != np.uint8 or out.shape != shape:
        raise PictureError(f"out is {out.dtype} {list(out.shape)}, expected a uint8 array {list(shape)}")
    return out


def _writeable(out: Any, size: int) -> memoryview:
    """Return the first bytes of a buffer."""
    view = memoryview(out).cast("B")
    if view.readonly or len(view) < size:
        raise PictureError(f"out has {len(view)} bytes, expected {size} or more that can be written to")
    return view[:size]
