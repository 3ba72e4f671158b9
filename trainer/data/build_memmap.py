"""Cuts crops beforehand, into one array that training maps into memory."""

from __future__ import annotations

import fcntl
import hashlib
import io
import shutil
from contextlib import contextmanager
from itertools import islice
from typing import IO, TYPE_CHECKING

import numpy as np

from licrt.runtime.errors import PictureError
from licrt.trainer.data.batches import open_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from licrt.trainer.data.crops import Batch
    from licrt.trainer.data.pictures import Pictures

_BATCH = 16


def build_memmap(
    pictures: Pictures,
    target: Path,
    *,
    side: int,
    crops: int,
    seed: int = 0,
    crops_per_picture: int = 1,
    workers: int = 0,
    force: bool = False,
    done: Callable[[int, Batch], None] = lambda _rows, _batch: None,
) -> None:
    """Write a file of uint8 [crops, side, side, 3], in numpy's format.

    Its crops are the first ones of a run with this seed and these pictures, but for the mirroring. Until all are
    there, the file has another name, made from all that determines them; the same call goes on with what is in it.

    Args:
        pictures: what to crop from.
        target: the file.
        side: of a crop, in pixels.
        crops: how many.
        seed: of order and places.
        crops_per_picture: how many follow one another from one picture, before the next one's turn.
        workers: processes that read ahead.
        force: replace an existing file.
        done: called with the number of crops that are in the file now, and the batch with the last of them.

    Raises:
        PictureError: no picture can be used, the file exists or cannot be written, the disk is too small, or another
            process is at work on the same.
    """
    if target.exists() and not force:
        raise PictureError(f"cannot write {target}: it exists. Pass -f to replace it")
    settings = (side, crops, seed, crops_per_picture, [str(pictures.name(number)) for number in range(len(pictures))])
    part = target.with_name(f".{target.name}.{hashlib.sha256(repr(settings).encode()).hexdigest()[:12]}.part")
    try:
        with _opened(part, (crops, side, side, 3)) as (file, rows):
            batches = open_batches(
                pictures,
                side=side,
                batch_size=_BATCH,
                seed=seed,
                start=rows,
                workers=workers,
                crops_per_picture=crops_per_picture,
                flip=False,
            )
            for batch in islice(batches, -(-(crops - rows) // _BATCH)):
                file.write(batch.crops[: crops - rows].permute(0, 2, 3, 1).contiguous().numpy().data)
                rows = min(rows + _BATCH, crops)
                done(rows, batch)
            file.flush()
            part.replace(target)
    except PictureError:
        raise
    except OSError as error:
        raise PictureError(f"cannot write {target}: {error.strerror}") from error


@contextmanager
def _opened(part: Path, shape: tuple[int, int, int, int]) -> Iterator[tuple[IO[bytes], int]]:
    """A file with a header, open for appending rows, and how many it has."""
    header, row = _header(shape), int(np.prod(shape[1:]))
    with part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PictureError(f"another process is writing {part}. Wait for it") from error
        rows = (part.stat().st_size - len(header)) // row  # a process that was killed may have left a part of one
        if rows < 0:
            file.truncate(0)
            file.write(header)
            file.flush()
            rows = 0
        file.truncate(len(header) + rows * row)
        missing, free = (shape[0] - rows) * row, shutil.disk_usage(part.parent).free
        if missing > free:
            raise PictureError(f"cannot write {part}: it needs {missing >> 20} MiB more, the disk has {free >> 20}")
        yield file, rows


def _header(shape: tuple[int, int, int, int]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()
