"""Pictures in WebDataset shards: tar files whose members are read wherever they lie.

The webdataset package reads shards from front to back and shuffles what it has in a buffer; a run that goes on would
have to read everything again to find its place. Here the headers of the members are read once in the beginning, and
every member by its place from then on, so that order, resuming and the shares of several processes are those of all
other kinds of pictures. The price is that shards must be files that can be sought in: not compressed, not a pipe.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from licrt.runtime.errors import PictureError
from licrt.trainer.data.pictures import SUFFIXES, decode_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


class Shards:
    """The pictures in shards, in the order in which they lie there.

    A picture is a member whose key, all after the first dot of its name as WebDataset has it, is ``jpg``, ``png``,
    ``webp`` or another suffix of pictures. Other members are passed over.

    Raises:
        PictureError: a shard cannot be read, is cut short, or has no picture.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._names: list[str] = []
        places: list[tuple[int, int, int]] = []
        for shard, path in enumerate(paths):
            count = len(places)
            for name, offset, size in _members(path):
                self._names.append(name)
                places.append((shard, offset, size))
            if len(places) == count:
                raise PictureError(f"no pictures in {path}: expected members such as 0001.jpg or 0001.png")
        self._places = np.array(places, np.int64)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, number: int) -> Path:
        """The shard and the member in it."""
        return self._paths[int(self._places[number, 0])] / self._names[number]

    def read(self, number: int) -> NDArray[np.uint8]:
        """Pixels, uint8 [height, width, 3]; as :meth:`Pictures.read`."""
        shard, offset, size = self._places[number].tolist()
        try:
            with self._paths[shard].open("rb") as file:
                file.seek(offset)
                data = file.read(size)
        except OSError as error:
            raise PictureError(f"cannot read {self._paths[shard]}: {error.strerror}") from error
        return decode_rgb(io.BytesIO(data), self.name(number))


def is_key(name: str) -> bool:
    """Whether a member is a picture, by its name.

    >>> is_key("train/0001.jpg"), is_key("v1.0/0001.PNG"), is_key("0001.mask.png"), is_key("0001.json")
    (True, True, False, False)
    """
    base, _, key = PurePosixPath(name).name.partition(".")
    return bool(base) and f".{key.lower()}" in SUFFIXES


def _members(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, offset and size of each picture."""
    try:
        with tarfile.open(path, "r:") as tar:
            while member := tar.next():
                if member.isreg() and is_key(member.name):
                    yield member.name, member.offset_data, member.size
                tar.members.clear()  # type: ignore[attr-defined]  # or all would stay in memory
        with path.open("rb") as file:  # tarfile takes a damaged header for the end, which is a block of zeros
            file.seek(tar.offset)
            if any(file.read(tarfile.BLOCKSIZE)):
                raise tarfile.ReadError(f"it is damaged at byte {tar.offset}")
    except (tarfile.TarError, OSError) as error:
        raise PictureError(f"cannot read shard {path}: {error}. Expected a whole tar file, not compressed") from error
