"""What every anchor has: one integer that sets its quality, and functions from a picture to a file's bytes and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Anchor:
    """A codec, ready to be used.

    Attributes:
        name: as in `FAMILIES`.
        title: for people.
        suffix: of its files, with the dot.
        parameter: what its makers call the integer that sets quality.
        scale: that integer at the smallest and at the best file.
        qualities: the integers of a curve, from small files to large ones.
        settings: everything else that was asked for: options, or command lines.
        version: of the library or program.
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
