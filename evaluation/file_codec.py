"""What measurements ask of any codec: functions from a picture to a file's bytes and back, and an integer between.

Anchors are made in `anchors/`, models of licrt by `deployed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class FileCodec:
    """A codec, ready to be used.

    Attributes:
        name: that users give it.
        title: for people.
        suffix: of its files, with the dot.
        parameter: what its makers call the integer that sets quality; empty if there is none.
        scale: that integer at the smallest and at the best file; equal if there is none.
        qualities: the integers of a curve, from small files to large ones.
        settings: everything else that was asked for: options, or command lines.
        version: of the library, program or model.
        encode: turns uint8 `[height, width, 3]` and the integer into the bytes of a file.
        decode: turns these into uint8 `[height, width, 3]`, given the height and width that were encoded.
    """

    name: str
    title: str
    suffix: str
    parameter: str
    scale: tuple[int, int]
    qualities: Sequence[int]
    settings: str
    version: str
    encode: Callable[[Rgb, int], bytes]
    decode: Callable[[bytes, int, int], Rgb]


def deployed(model: str, threads: int | None = None) -> FileCodec:
    """Return a model of licrt as a file codec; of variable-rate models, the integer is that of `lic-run encode -q`.

    Args:
        model: a name, an id, or the directory of a bundle.
        threads: None for all CPUs that this process may use.

    Raises:
        ModelError, BackendError: as `Codec.load`.

    >>> deployed("default", threads=1).scale
    (0, 100)
    """
    from licrt.runtime import Codec

    codec = Codec.load(model, threads=threads)
    variable = codec.info.rate_points > 1

    def encode(rgb: Rgb, quality: int) -> bytes:
        return codec.encode(rgb, quality=quality if variable else None)

    def decode(data: bytes, height: int, width: int) -> Rgb:  # noqa: ARG001
        return codec.decode(data)

    engine = ", ".join(f"{key} {value}" for key, value in codec.engine.items())
    return FileCodec(
        codec.info.name,
        f"licrt {codec.info.name}",
        ".lci",
        "-q" if variable else "",
        (0, 100) if variable else (0, 0),
        range(0, 101, 10) if variable else (0,),
        engine,
        f"model {codec.info.id}",
        encode,
        decode,
    )
