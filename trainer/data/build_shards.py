"""Packs picture files, as they are, into WebDataset shards."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import numpy as np

from licrt.runtime.errors import PictureError
from licrt.runtime.files import replace_directory, workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


def build_shards(
    files: Sequence[Path],
    target: Path,
    *,
    per_shard: int = 1000,
    seed: int = 0,
    force: bool = False,
    done: Callable[[int], None] = lambda _files: None,
) -> None:
    """Write a folder of shards ``shard-000000.tar`` and so on, with the files' bytes in a random order.

    The same files and seed give the same bytes. Until all shards are there, the folder has another name, made from all
    that determines them; the same call goes on with the shards that are in it. Pictures are not decoded: a damaged one
    is told of when it is trained on.

    Args:
        files: the pictures.
        target: the folder.
        per_shard: pictures in a shard; the last one may have fewer.
        seed: of the order.
        force: replace an existing folder.
        done: called with the number of pictures that are in shards now.

    Raises:
        PictureError: a file cannot be read, or the folder exists or cannot be written.
    """
    if target.exists() and not force:
        raise PictureError(f"cannot write {target}: it exists. Pass -f to replace it")
    settings = (per_shard, seed, [str(path) for path in files])
    part = target.with_name(f".{target.name}.{hashlib.sha256(repr(settings).encode()).hexdigest()[:12]}.part")
    order = np.random.default_rng(seed).permutation(len(files)).tolist()
    try:
        part.mkdir(exist_ok=True)
        for shard, first in enumerate(range(0, len(files), per_shard)):
            path = part / f"shard-{shard:06}.tar"
            numbers = order[first : first + per_shard]
            if not path.exists():
                temporary = path.with_suffix(".tmp")
                _write_shard(temporary, [(first + place, files[number]) for place, number in enumerate(numbers)])
                temporary.replace(path)
            done(first + len(numbers))
        with workplace(target.parent) as old:
            replace_directory(target, part, old / target.name)
    except PictureError:
        raise
    except OSError as error:
        raise PictureError(f"cannot write {target}: {error.strerror}") from error


def _write_shard(path: Path, members: Sequence[tuple[int, Path]]) -> None:
    with tarfile.open(path, "w") as tar:
        for number, file in members:
            try:
                data = file.read_bytes()
            except OSError as error:
                raise PictureError(f"cannot read {file}: {error.strerror}") from error
            # Up to the first dot WebDataset takes the name for that of the sample, the rest for the kind of data.
            member = tarfile.TarInfo(f"{number:08}-{file.stem.replace('.', '_')}{file.suffix.lower()}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
