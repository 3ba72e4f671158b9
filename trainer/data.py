"""Training pictures: folders searched for files, random crops that depend on the seed and the sample's number only."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from licrt.runtime.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})

Ticket = tuple[int, int]  # number of the sample in the run, and of the picture in the list


@dataclass
class Batch:
    """A process's part of a training batch.

    Attributes:
        crops: uint8 [batch, 3, side, side].
        numbers: of these samples in the run, int64 [batch].
        unusable: the reason for each picture that could not be used on the way.
    """

    crops: Tensor
    numbers: Tensor
    unusable: dict[Path, str] = field(default_factory=dict)


def find_pictures(folders: Iterable[str]) -> list[Path]:
    """All picture files in and below the folders, in the order of their names.

    Raises:
        PictureError: a folder is missing or has no picture.
    """
    found = []
    for folder in folders:
        pictures = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in SUFFIXES)
        if not pictures:
            raise PictureError(f"no pictures in {folder}: expected a folder with files {', '.join(sorted(SUFFIXES))}")
        found += pictures
    return found


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Pixels of a picture, uint8 [height, width, 3].

    Raises:
        PictureError: it cannot be read.
    """
    try:
        with Image.open(path) as image:
            return np.array(image.convert("RGB"))
    except Exception as error:  # decoders of broken files raise almost anything
        raise PictureError(f"cannot read {path}: {error}") from error


class Crops(Dataset[Batch]):
    """One random crop for a ticket, mirrored in half of the cases.

    A picture that cannot be used gives way to the next one in the list, and is told of in the batch.
    """

    def __init__(self, pictures: Sequence[Path], side: int, seed: int) -> None:
        self._pictures = pictures
        self._side = side
        self._seed = seed
        self._unusable: dict[int, str] = {}

    def __getitem__(self, ticket: Ticket) -> Batch:
        number, first = ticket
        batch = Batch(torch.empty(0, 3, self._side, self._side, dtype=torch.uint8), torch.tensor([number]))
        for offset in range(len(self._pictures)):
            picture = (first + offset) % len(self._pictures)
            if picture not in self._unusable:
                try:
                    batch.crops = self._crop(self._pictures[picture], number)
                    break
                except PictureError as error:
                    self._unusable[picture] = str(error)
            batch.unusable[self._pictures[picture]] = self._unusable[picture]
        return batch

    def _crop(self, path: Path, number: int) -> Tensor:
        pixels = read_rgb(path)
        height, width, _ = pixels.shape
        if min(height, width) < self._side:
            raise PictureError(f"cannot crop {path}: it has {width}x{height} pixels, crops have {self._side}")
        random = np.random.default_rng((self._seed, number))
        top, left = random.integers([height - self._side + 1, width - self._side + 1])
        window = pixels[top : top + self._side, left : left + self._side]
        if random.random() < 0.5:
            window = window[:, ::-1]
        return torch.from_numpy(window.transpose(2, 0, 1)[None].copy())


class TicketBatches:
    """Endless batches of tickets: every epoch visits each picture once, in an order that only depends on the seed.

    >>> batches = iter(TicketBatches(pictures=3, batch_size=2, seed=0, start=3))
    >>> [[number for number, _ in next(batches)] for _ in range(2)]
    [[3, 4], [5, 6]]
    """

    def __init__(self, pictures: int, batch_size: int, seed: int, start: int, *, rank: int = 0, world: int = 1) -> None:
        self._pictures = pictures
        self._batch_size = batch_size
        self._seed = seed
        self._start = start
        self._rows = slice(rank * batch_size // world, (rank + 1) * batch_size // world)

    def __iter__(self) -> Iterator[list[Ticket]]:
        tickets = self._tickets()
        while True:
            yield list(itertools.islice(tickets, self._batch_size))[self._rows]

    def _tickets(self) -> Iterator[Ticket]:
        first_epoch, skip = divmod(self._start, self._pictures)
        for epoch in itertools.count(first_epoch):
            order = np.random.default_rng((self._seed, epoch, 0)).permutation(self._pictures)
            for position in range(skip, self._pictures):
                yield epoch * self._pictures + position, int(order[position])
            skip = 0


def open_batches(
    pictures: Sequence[Path],
    *,
    side: int,
    batch_size: int,
    seed: int,
    start: int = 0,
    workers: int = 0,
    rank: int = 0,
    world: int = 1,
) -> Iterator[Batch]:
    """Endless training batches; those from ``start`` on are the same whether the run began there or at zero.

    Args:
        pictures: files to crop from.
        side: of a crop, in pixels.
        batch_size: crops in a batch of all processes; a multiple of ``world``.
        seed: of order, places and mirroring.
        start: samples that the run has used already.
        workers: processes that read ahead; 0 reads in this one. The batches do not depend on it.
        rank, world: of the ``world`` processes that train, the number of this one, which gets its rows of every batch.
    """
    loader = DataLoader(
        Crops(pictures, side, seed),
        batch_sampler=TicketBatches(len(pictures), batch_size, seed, start, rank=rank, world=world),
        collate_fn=_join,
        num_workers=workers,
        generator=torch.Generator(),  # else the loader draws from the generator of the training noise
    )
    return iter(loader)


def _join(samples: list[Batch]) -> Batch:
    unusable: dict[Path, str] = {}
    for sample in samples:
        unusable |= sample.unusable
    crops, numbers = (torch.cat(parts) for parts in zip(*((one.crops, one.numbers) for one in samples), strict=True))
    return Batch(crops, numbers, unusable)
