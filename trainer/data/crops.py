"""Random crops that depend on the seed and the sample's number only, whichever process cuts them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.utils.data import Dataset

from licrt.runtime.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from licrt.trainer.data.order import Ticket
    from licrt.trainer.data.pictures import Pictures


@dataclass
class Batch:
    """Samples of a run.

    Attributes:
        crops: uint8 [batch, 3, side, side], or [batch, frames, 3, side, side] of sequences.
        numbers: of the samples in the run, int64 [batch].
        unusable: the reason for each picture that could not be used on the way.
    """

    crops: Tensor
    numbers: Tensor
    unusable: dict[Path, str] = field(default_factory=dict)

    def pin_memory(self) -> Batch:
        """The same in memory that a GPU can copy from while it computes; torch's loader calls it."""
        return Batch(self.crops.pin_memory(), self.numbers.pin_memory(), self.unusable)


class Crops(Dataset[Batch]):
    """One random crop for a ticket, mirrored in half of the cases unless told otherwise.

    A picture that cannot be used gives way to the next one, and is told of in the batch, which is empty if none can.
    """

    def __init__(self, pictures: Pictures, side: int, seed: int, *, flip: bool = True) -> None:
        self._pictures = pictures
        self._side = side
        self._seed = seed
        self._flip = flip
        self._unusable: dict[int, str] = {}
        self._latest: tuple[int, NDArray[np.uint8]] | None = None  # several crops may follow of one picture

    def __getitem__(self, ticket: Ticket) -> Batch:
        return self.__getitems__([ticket])

    def __getitems__(self, tickets: Sequence[Ticket]) -> Batch:
        """The crops for some tickets: torch's loader asks for whole batches."""
        unusable: dict[Path, str] = {}
        crops = np.empty((0, 3, self._side, self._side), np.uint8)
        for row, (number, first) in enumerate(tickets):
            window = self._window(number, first, unusable)
            if window is None:
                return Batch(torch.from_numpy(crops[:0]), torch.empty(0, dtype=torch.int64), unusable)
            if row == 0:
                crops = np.empty((len(tickets), *window.shape), np.uint8)
            crops[row] = window  # at once, so that the picture it is a view of need not stay
        numbers = torch.tensor([number for number, _ in tickets], dtype=torch.int64)
        return Batch(torch.from_numpy(crops), numbers, unusable)

    def _window(self, number: int, first: int, unusable: dict[Path, str]) -> NDArray[np.uint8] | None:
        """A view of the first picture that can be used, [..., 3, side, side]; None if there is none."""
        for offset in range(len(self._pictures)):
            picture = (first + offset) % len(self._pictures)
            if picture not in self._unusable:
                try:
                    return self._cut(self._read(picture), number)
                except PictureError as error:
                    self._unusable[picture] = str(error)
            unusable[self._pictures.name(picture)] = self._unusable[picture]
        return None

    def _read(self, picture: int) -> NDArray[np.uint8]:
        if self._latest is None or self._latest[0] != picture:
            self._latest = None  # or two would be in memory
            pixels = self._pictures.read(picture)
            height, width = pixels.shape[-3:-1]
            if min(height, width) < self._side:
                name = self._pictures.name(picture)
                raise PictureError(f"cannot crop {name}: it has {width}x{height} pixels, crops have {self._side}")
            self._latest = picture, pixels
        return self._latest[1]

    def _cut(self, pixels: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
        height, width = pixels.shape[-3:-1]
        random = np.random.default_rng((self._seed, number))
        top, left = random.integers([height - self._side + 1, width - self._side + 1])
        window = pixels[..., top : top + self._side, left : left + self._side, :]
        if self._flip and random.random() < 0.5:
            window = window[..., ::-1, :]
        return np.moveaxis(window, -1, -3)
