"""How fast pictures are read, with nothing that would use them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from licrt.trainer.data.batches import PREFETCHED, open_batches

if TYPE_CHECKING:
    from licrt.trainer.data.pictures import Pictures


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        first: seconds until the first batch was there.
        crops: how many were read after those that had been read ahead.
        seconds: time these took.
        cpu: seconds of processor time of this process meanwhile. Without workers it says what a crop costs, even if
            the machine has other things to do.
    """

    first: float
    crops: int
    seconds: float
    cpu: float

    @property
    def per_second(self) -> float:
        """Crops per second.

        >>> Speed(first=0.5, crops=300, seconds=2.0, cpu=1.8).per_second
        150.0
        """
        return self.crops / self.seconds


def measure(
    pictures: Pictures,
    *,
    side: int,
    batch_size: int,
    workers: int,
    seed: int = 0,
    crops_per_picture: int = 1,
    cache_bytes: int = 0,
    pin_memory: bool = False,
    seconds: float = 5.0,
) -> Speed:
    """Read batches for some time; arguments as :func:`licrt.trainer.data.open_batches` has them.

    Raises:
        PictureError: no picture can be used.
    """
    began = time.perf_counter()
    batches = open_batches(
        pictures,
        side=side,
        batch_size=batch_size,
        seed=seed,
        workers=workers,
        crops_per_picture=crops_per_picture,
        cache_bytes=cache_bytes,
        pin_memory=pin_memory,
    )
    next(batches)
    first = time.perf_counter() - began
    for _ in islice(batches, workers * PREFETCHED):
        pass
    crops, began, cpu = 0, time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - began) < seconds or not crops:
        crops += len(next(batches).crops)
    return Speed(first, crops, elapsed, time.process_time() - cpu)
