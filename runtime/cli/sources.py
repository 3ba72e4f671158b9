"""From names on the command line to files: folders stand for the files in them that have a known suffix."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from licrt.runtime.errors import LicrtError, PictureError
from licrt.runtime.files import STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PICTURES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".webp", ".tif", ".tiff", ".avif"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".bmp", ".dib"),
)
STREAMS = (".lci",)


@dataclass(frozen=True)
class Source:
    """A file to read, or `-`.

    Attributes:
        path: what to open.
        below: where it lies below the folder that was named; the name alone of a file that was named itself.
        error: why this is no file: a folder that is empty, or cannot be looked into.
    """

    path: str
    below: str
    error: LicrtError | None = None


def find(names: Sequence[str], suffixes: tuple[str, ...], *, recursive: bool) -> list[Source]:
    """Look into folders, sorted; everything else is taken as it is.

    Hidden files and folders are left out, and links to folders are not followed, so there is no walking in circles.

    Args:
        names: files, folders, or `-`.
        suffixes: of the files to take from folders, in lower case.
        recursive: also take those in the folders below.
    """
    return [source for name in names for source in _expand(name, suffixes, recursive)]


def is_folder(name: str) -> bool:
    """Tell whether a name is a folder; where that cannot be known, reading it says why."""
    try:
        return name != STANDARD and Path(name).is_dir()
    except OSError:
        return False


def _expand(name: str, suffixes: tuple[str, ...], recursive: bool) -> list[Source]:
    if not is_folder(name):
        return [Source(name, name if name == STANDARD else PurePath(name).name)]
    found = sorted(_walk(name, suffixes, recursive), key=lambda source: source.path)
    if found:
        return found
    hint = "" if recursive else ". Pass --recursive to look in the folders below it, too"
    error = PictureError(f"nothing to do in {name}: no file in it ends in {', '.join(suffixes)}{hint}")
    return [Source(name, "", error)]


def _walk(folder: str, suffixes: tuple[str, ...], recursive: bool) -> Iterator[Source]:
    pending = [(folder, "")]
    while pending:
        here, below = pending.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending += [(entry.path, f"{below}{entry.name}/")] if recursive else []
                    elif entry.name.lower().endswith(suffixes) and not _is_special(entry):
                        yield Source(entry.path, below + entry.name)
        except OSError as error:
            yield Source(here, "", PictureError(f"cannot read {here}: {error.strerror}"))


def _is_special(entry: os.DirEntry[str]) -> bool:
    """Tell whether it is a pipe, a device or a folder behind a link. Links to nowhere are files, if unreadable ones."""
    path = Path(entry.path)
    return path.exists() and not path.is_file()
