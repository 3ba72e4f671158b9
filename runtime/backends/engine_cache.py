"""Engines that TensorRT built, kept for the next process: building one takes minutes on a small board.

An engine is machine code that runs with all rights of this process, and TensorRT does not check where it comes from.
So only files of this user that nobody else can write are read, from a directory of which the same is true. A file is
taken for what its key says: everything an engine depends on. Its hash finds damage, not malice. Whatever is not as it
should be is built anew, and without a cache everything works, only later.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

if TYPE_CHECKING:
    from collections.abc import Mapping

MAGIC = b"licrt engine 1\n"
KEPT = 64  # files; those that were not read for longest go first
_SUFFIX = ".engine"
_MAX_HEADER_BYTES = 1 << 16
_MAX_BYTES = 1 << 32


def directory(name: str = "engines") -> Path:
    """Return where engines are kept: a directory in `LICRT_CACHE`, or in the user's cache directory."""
    named = os.environ.get("LICRT_CACHE")
    return (Path(named) if named else Path(platformdirs.user_cache_dir("licrt", appauthor=False))) / name


def usable_directory(name: str = "engines") -> Path | None:
    """Return the directory, made if it is missing; None unless it is this user's alone to write."""
    path = directory(name)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError:
        return None
    return path if _is_ours(status) else None


def read(key: Mapping[str, object]) -> bytes | None:
    """Return what was written under a key; None where nothing was, or nothing that can be trusted."""
    folder = usable_directory()
    if folder is None:
        return None
    path = folder / file_name(key)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            if not (stat.S_ISREG(status.st_mode) and _is_ours(status) and status.st_size <= _MAX_BYTES):
                return None
            data = file.read(status.st_size)
        os.utime(path)
    except OSError:
        return None
    return unpack(data, key)


def write(key: Mapping[str, object], contents: bytes) -> bool:
    """Keep bytes under a key: the whole file or none of it. False where that is not possible."""
    folder = usable_directory()
    if folder is None:
        return False
    temporary = folder / f".licrt-{os.urandom(6).hex()}.tmp"
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pack(contents, key))
        temporary.replace(folder / file_name(key))
        _tidy(folder)
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return True


def file_name(key: Mapping[str, object]) -> str:
    """Return the name of a key's file: SHA-256 over it as compact JSON with sorted keys."""
    return hashlib.sha256(_json(key)).hexdigest() + _SUFFIX


def pack(contents: bytes, key: Mapping[str, object]) -> bytes:
    """Return a file: magic, one line of JSON with the key and the contents' size and hash, the contents."""
    header = {"key": key, "bytes": len(contents), "sha256": hashlib.sha256(contents).hexdigest()}
    return MAGIC + _json(header) + b"\n" + contents


def unpack(data: bytes, key: Mapping[str, object]) -> bytes | None:
    """Return the contents of a file; None unless they are whole, and were written under this key.

    >>> key = {"graph": "00", "device": "Orin"}
    >>> unpack(pack(b"code", key), key), unpack(pack(b"code", key)[:-1], key), unpack(pack(b"code", {}), key)
    (b'code', None, None)
    """
    end = data.find(b"\n", len(MAGIC), _MAX_HEADER_BYTES) + 1
    contents = data[end:]
    return contents if end and data == pack(contents, key) else None


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _user() -> int:
    return os.geteuid() if sys.platform != "win32" else 0


def _is_ours(status: os.stat_result) -> bool:
    return sys.platform == "win32" or (status.st_uid == _user() and not status.st_mode & 0o022)


def _tidy(folder: Path) -> None:
    """Remove the files that were not read for longest, past `KEPT`."""
    files = sorted(folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[KEPT:]:
        path.unlink(missing_ok=True)
