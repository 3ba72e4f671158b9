"""Which picture each sample of a run is cut from."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

Ticket = tuple[int, int]  # number of the sample in the run, and of the picture


class TicketBatches:
    """Endless batches of tickets: every epoch visits each picture once, in an order that only depends on the seed.

    >>> batches = iter(TicketBatches(pictures=3, batch_size=2, seed=0, start=3))
    >>> [[number for number, _ in next(batches)] for _ in range(2)]
    [[3, 4], [5, 6]]

    Each of several processes gets its rows of every batch, neighbours:

    >>> batches = iter(TicketBatches(pictures=3, batch_size=4, seed=0, rank=1, world=2))
    >>> [[number for number, _ in next(batches)] for _ in range(2)]
    [[2, 3], [6, 7]]

    Args:
        pictures: how many there are.
        batch_size: samples in a batch of all processes together.
        seed: of the order.
        start: samples that the run has used already.
        crops_per_picture: samples that follow one another and are of the same picture.
        rank, world: number of this process, and how many there are.
    """

    def __init__(
        self,
        pictures: int,
        batch_size: int,
        seed: int,
        start: int = 0,
        *,
        crops_per_picture: int = 1,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._pictures = pictures
        self._batch_size = batch_size
        self._seed = seed
        self._start = start
        self._repeats = crops_per_picture
        self._rows = slice(batch_size * rank // world, batch_size * (rank + 1) // world)

    def __iter__(self) -> Iterator[list[Ticket]]:
        tickets = self._tickets()
        while True:
            yield list(itertools.islice(tickets, self._batch_size))[self._rows]

    def _tickets(self) -> Iterator[Ticket]:
        epoch_size = self._pictures * self._repeats
        first_epoch, skip = divmod(self._start, epoch_size)
        for epoch in itertools.count(first_epoch):
            order = np.random.default_rng((self._seed, epoch, 0)).permutation(self._pictures)
            for position in range(skip, epoch_size):
                yield epoch * epoch_size + position, int(order[position // self._repeats])
            skip = 0
