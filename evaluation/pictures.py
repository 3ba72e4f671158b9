"""Sets of pictures: which files a folder stands for, their pixels, and a hash that says which set it was."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from licrt.evaluation.results import Dataset, Failure
from licrt.runtime.cli.sources import PICTURES, find, is_folder
from licrt.runtime.errors import PictureError
from licrt.runtime.files import check_source, read_picture_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from licrt.evaluation.metrics import Rgb


@dataclass(frozen=True)
class PictureSet:
    """Pictures of a folder.

    Attributes:
        folder: where they are; of a single picture, the folder it lies in.
        name: of the folder, or of the single picture.
        files: paths below the folder, with `/`, sorted.
        failures: folders below it that cannot be looked into.
    """

    folder: Path
    name: str
    files: Sequence[str]
    failures: Sequence[Failure] = ()


@dataclass(frozen=True)
class Pixels:
    """A picture file: its pixels, uint8 `[height, width, 3]`, and the SHA-256 of its bytes."""

    rgb: Rgb
    sha256: str


def find_pictures(dataset: str, *, recursive: bool = False) -> PictureSet:
    """Return the pictures of a folder, or a single one.

    Args:
        dataset: a folder or a picture.
        recursive: also take those in the folders below.

    Raises:
        PictureError: there is none, or the folder cannot be read.
    """
    path = Path(dataset)
    sources = find([dataset], PICTURES, recursive=recursive)
    files = sorted(source.below for source in sources if source.error is None)
    failures = [Failure(source.path, str(source.error)) for source in sources if source.error is not None]
    if not files:
        raise next(source.error for source in sources if source.error is not None)
    single = not is_folder(dataset)
    if single:
        check_source(dataset)
    folder = path.parent if single else path
    return PictureSet(folder, path.stem if single else path.resolve().name, files, failures)


def read_pixels(path: str | Path) -> Pixels:
    """Read the pixels of a picture file as `lic-run encode` does: 8 bits, upright, in RGB.

    Transparency, profiles and other metadata are left out: what is measured here are pixels.

    Raises:
        PictureError: it cannot be read, or is damaged.
    """
    from licrt.runtime.picture import read_picture

    data = read_picture_file(str(path))
    try:
        rgb = read_picture(data).rgb
    except PictureError as error:
        raise PictureError(f"{path}: {error}") from error
    return Pixels(rgb, hashlib.sha256(data).hexdigest())


def describe_set(name: str, hashes: Mapping[str, str]) -> Dataset:
    """Describe a set by the SHA-256 of what `sha256sum` prints of its files, in the order of their names.

    Args:
        name: of the set.
        hashes: SHA-256 of every file, in hexadecimal, by its path below the folder.

    >>> empty = hashlib.sha256(b"").hexdigest()
    >>> describe_set("two", {"b.png": empty, "a.png": empty}).sha256[:8]
    '3ca5abdf'
    """
    lines = "".join(f"{hashes[file]}  {PurePath(file).as_posix()}\n" for file in sorted(hashes))
    return Dataset(name, len(hashes), hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest())
