"""Training batches, read ahead by other processes, that a run can take up again at any sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from licrt.runtime.errors import LicrtError, PictureError
from licrt.trainer.data.cache import Cached
from licrt.trainer.data.crops import Batch, Crops
from licrt.trainer.data.order import TicketBatches
from licrt.trainer.data.pictures import PictureFiles

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from licrt.trainer.data.pictures import Pictures

PREFETCHED = 4  # batches of each process: pictures take unequal times to decode


class LoaderError(LicrtError):
    """A process that reads pictures is gone."""


def open_batches(
    pictures: Pictures | Sequence[Path],
    *,
    side: int,
    batch_size: int,
    seed: int,
    start: int = 0,
    workers: int = 0,
    rank: int = 0,
    world: int = 1,
    crops_per_picture: int = 1,
    flip: bool = True,
    cache_bytes: int = 0,
    pin_memory: bool = False,
) -> Iterator[Batch]:
    """Endless training batches; those from ``start`` on are the same whether the run began there or at zero.

    A crop depends on the pictures, the seed, the crops per picture and its number in the run, on nothing else.

    Args:
        pictures: what to crop from: files, or what :func:`licrt.trainer.data.open_pictures` found.
        side: of a crop, in pixels.
        batch_size: crops in a batch, of all processes of the run together.
        seed: of order, places and mirroring.
        start: samples that the run has used already, of all processes together.
        workers: processes that read ahead; 0 reads in this one.
        rank: number of this process in the run. It gets its rows of every batch, which follow one another.
        world: how many processes the run has. The batch size should be a multiple of it.
        crops_per_picture: neighbours in a batch that are cut from one picture, which is decoded once.
        flip: mirror every other crop, at random.
        cache_bytes: decoded pictures that stay in memory, shared by the workers.
        pin_memory: give tensors that a GPU can copy from while it computes.

    Raises:
        PictureError: when asked for a batch, if no picture can be used.
        LoaderError: likewise, if a worker was killed.
    """
    source: Pictures = PictureFiles(pictures) if isinstance(pictures, Sequence) else pictures
    tickets = TicketBatches(
        len(source), batch_size, seed, start, crops_per_picture=crops_per_picture, rank=rank, world=world
    )
    loader = DataLoader(
        Crops(Cached(source, cache_bytes) if cache_bytes else source, side, seed, flip=flip),
        batch_sampler=tickets,
        collate_fn=_as_it_is,
        num_workers=workers,
        prefetch_factor=PREFETCHED if workers else None,
        pin_memory=pin_memory,
        generator=torch.Generator(),  # else the loader draws from the generator of the training noise
    )
    return _checked(iter(loader), len(source))  # endless: the processes are started once


def _as_it_is(batch: Any) -> Any:  # the crops of a batch come together
    return batch


def _checked(batches: Iterator[Batch], pictures: int) -> Iterator[Batch]:
    try:
        for batch in batches:
            if not len(batch.crops) and batch.unusable:
                raise PictureError(f"none of {pictures} pictures can be used; {next(iter(batch.unusable.values()))}")
            yield batch
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise LoaderError(
            "a process that reads pictures was killed. Give the run more memory, or fewer workers"
        ) from error
