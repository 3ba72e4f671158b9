"""What a run has measured so far, one line of JSON each, so that a run that was killed goes on where it was.

    {"licrt": {"manifest": 1, "conditions": {…}}}
    {"model": "37…", "name": "licrt2026-mse", "quality": null, "size": …, "mtime_ns": …, "sha256": "…", "image": {…}}

Lines are only ever appended, each with one write that reaches the disk before the next; of a run that was killed the
last may be half a line, which is dropped. Of two lines about the same, the later holds.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from licrt.evaluation.storage import ResultsError, image_from_json, image_to_json
from licrt.runtime.errors import LicrtError, PictureError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from licrt.evaluation.results import ImageResult

NAME = "manifest.jsonl"
VERSION = 1

Key = tuple[str, int | None, str]  # model id, quality, file


@dataclass(frozen=True)
class Record:
    """One measured picture.

    Attributes:
        name: of the model.
        size, mtime_ns, sha256: of the picture's file.
        image: the result.
    """

    model: str
    name: str
    quality: int | None
    size: int
    mtime_ns: int
    sha256: str
    image: ImageResult

    @property
    def key(self) -> Key:
        """What this is the result of."""
        return self.model, self.quality, self.image.file

    def is_of(self, source: Path) -> bool:
        """Tell whether a picture's file is the one that was measured: by its size and time, or else its SHA-256."""
        try:
            status = source.stat()
            if (self.size, self.mtime_ns) == (status.st_size, status.st_mtime_ns):
                return True
            return hashlib.sha256(source.read_bytes()).hexdigest() == self.sha256
        except OSError:
            return False

    def has_stream(self, output: Path) -> bool:
        """Tell whether the encoded file, if it was kept, is still in the folder of the results and of its size."""
        try:
            return self.image.stream is None or (output / self.image.stream).stat().st_size == self.image.bytes
        except OSError:
            return False


class Manifest:
    """The file, open and locked: one run at a time writes to a folder of results."""

    def __init__(self, folder: Path, conditions: Mapping[str, Any], *, force: bool) -> None:
        """Open a folder's manifest, or begin one.

        Args:
            folder: of the results.
            conditions: all that may change times or values of all pictures alike: machine, versions, threads.
            force: begin anew.

        Raises:
            PictureError: it cannot be read or written, another run is writing to it, or it was begun under other
                conditions.
            ResultsError: it is damaged.
        """
        self._path = folder / NAME
        self.records: dict[Key, Record] = {}
        with self._explained():
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            with self._explained():
                _lock(self._descriptor, folder)
                if force:
                    os.ftruncate(self._descriptor, 0)
                self._read(conditions)
        except BaseException:
            self.close()
            raise

    def add(self, record: Record) -> None:
        """Append a record; when this returns, it is on the disk.

        Raises:
            PictureError: it cannot be written.
        """
        line = {
            "model": record.model,
            "name": record.name,
            "quality": record.quality,
            "size": record.size,
            "mtime_ns": record.mtime_ns,
            "sha256": record.sha256,
            "image": image_to_json(record.image),
        }
        self._write(line)
        self.records[record.key] = record

    def close(self) -> None:
        """Let other runs write."""
        os.close(self._descriptor)

    def _read(self, conditions: Mapping[str, Any]) -> None:
        text = self._path.read_bytes()
        whole = text.rfind(b"\n") + 1
        os.ftruncate(self._descriptor, whole)
        header, *lines = text[:whole].splitlines() or [b""]
        if not header:
            self._write({"licrt": {"manifest": VERSION, "conditions": conditions}})
            return
        try:
            found = _conditions(json.loads(header)["licrt"])
            records = [_record(json.loads(line)) for line in lines]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ResultsError(
                f"{self._path} is damaged ({error}). Name another folder with -o, or pass -f to begin anew"
            ) from error
        self.records = {record.key: record for record in records}
        expected = json.loads(json.dumps(conditions))
        changed = [
            f"{name} was {found.get(name)!r}, is {expected.get(name)!r}"
            for name in dict.fromkeys([*expected, *found])
            if found.get(name) != expected.get(name)
        ]
        if changed:
            raise PictureError(
                f"{self._path.parent} was begun under other conditions ({'; '.join(changed)}). "
                "Name another folder with -o, or pass -f to begin anew"
            )

    def _write(self, value: object) -> None:
        line = (json.dumps(value, allow_nan=False) + "\n").encode()
        with self._explained():
            before = os.fstat(self._descriptor).st_size
            try:
                _write_all(self._descriptor, line)
            except BaseException:  # half a line in the middle would spoil the file
                os.ftruncate(self._descriptor, before)
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except LicrtError:
            raise
        except OSError as error:
            raise PictureError(f"cannot write {self._path}: {error.strerror}") from error


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PictureError(f"another run is writing to {folder}. Wait for it, or name another folder with -o") from None


def _write_all(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(descriptor)


def _conditions(begun: Mapping[str, Any]) -> dict[str, Any]:
    if begun["manifest"] != VERSION:
        raise ValueError(f"it is of version {begun['manifest']}, expected {VERSION}")
    return dict(begun["conditions"])


def _record(data: Mapping[str, Any]) -> Record:
    return Record(
        str(data["model"]),
        str(data["name"]),
        data["quality"],
        int(data["size"]),
        int(data["mtime_ns"]),
        str(data["sha256"]),
        image_from_json(data["image"]),
    )
