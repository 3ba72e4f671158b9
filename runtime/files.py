"""Reading inputs and writing outputs: `-` is standard input or output, and no half-written file is ever left behind."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, TextIO

from licrt.runtime.container import MAX_HEADER_BYTES, MAX_PIXELS, read_info
from licrt.runtime.errors import LicrtError, PictureError
from licrt.runtime.memory import expect_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

STANDARD = "-"
MAX_PICTURE_BYTES = 1 << 30
_CHUNK_BYTES = 1 << 22
_LARGE_BYTES = 1 << 26
_ABANDONED_SECONDS = 86400


def read_picture_file(source: str) -> bytes:
    """Return all bytes of a picture file.

    Args:
        source: a path, or `-`.

    Raises:
        PictureError: it cannot be read, or is larger than 1 GiB.
    """
    with _open(source) as file:
        data = _read(file, MAX_PICTURE_BYTES + 1)
    if len(data) > MAX_PICTURE_BYTES:
        raise PictureError("the file is over the limit of 1 GiB for pictures")
    return data


def read_stream_file(source: str, max_pixels: int = MAX_PIXELS) -> bytes:
    """Return the bytes of a stream, having read no more of the file than its header asks for, and one byte.

    Args:
        source: a path, or `-`.
        max_pixels: more than the header is not read of larger pictures.

    Raises:
        PictureError: it cannot be read, or its header asks for more than a limit allows.
        FormatError: its header is not that of a stream. Bodies are not looked at.
    """
    with _open(source) as file:
        return read_stream_bytes(file, max_pixels)


def read_stream_bytes(file: IO[bytes], max_pixels: int = MAX_PIXELS) -> bytes:
    """Return the bytes of a stream from a file object that stands at its start; as `read_stream_file`.

    Raises:
        OSError: whatever the file object raises.
        FormatError, PictureError: as `read_stream_file`.
    """
    start = file.read(MAX_HEADER_BYTES)
    return _read(file, read_info(start, max_pixels).size + 1, start)


def check_source(source: str) -> None:
    """Raise unless there is something to read; called before the work that needs it. Pipes are not touched.

    Raises:
        PictureError: it is missing, or a directory.
    """
    if source == STANDARD:
        return
    with _explained("read", source):
        if stat.S_ISDIR(Path(source).stat().st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def check_target(target: str, *, force: bool) -> None:
    """Raise unless a file can be written there; called before the work whose result goes there.

    Raises:
        PictureError: it exists (unless ``force``), is a directory, or its directory is missing or not writable.
    """
    if target == STANDARD:
        return
    with _explained("write", target):
        path = _resolved(target)
        if path.is_dir():
            raise PictureError(f"cannot write {target}: it is a directory. Name a file, or use --out-dir")
        if path.is_file() and not force:
            raise _existing(target)
        if not path.parent.is_dir():
            raise PictureError(f"cannot write {target}: there is no directory {path.parent}")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise PictureError(f"cannot write {target}: no permission")


def make_directory(path: str | Path) -> None:
    """Make a directory and those above it, unless they are there.

    Raises:
        PictureError: it cannot be made.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"cannot make the directory {path}: {error.strerror}") from error


def write_file(target: str, data: bytes, *, force: bool = False) -> None:
    """Write a whole file or nothing.

    On Linux the file has no name until it is whole, so that a process that is killed leaves nothing behind; elsewhere,
    and for the moment in which one replaces another, it is called `.licrt-….tmp`. Links are followed; devices and pipes
    are written to as they are.

    Args:
        target: a path, or `-`.
        data: its contents.
        force: replace an existing file.

    Raises:
        PictureError: as :func:`check_target`; also a full disk, or a reader that went away.
    """
    check_target(target, force=force)
    with _explained("write", target):
        path = _resolved(target)
        if target == STANDARD:
            _write_standard_output(data)
        elif path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            try:
                _write_whole(path, data, force=force)
            except FileExistsError as error:  # since it was looked for
                raise _existing(target) from error


def _read(file: IO[bytes], size: int, start: bytes = b"") -> bytes:
    """Read on until there are `size` bytes or no more: `file.read(size)` would take that much memory beforehand."""
    data = io.BytesIO()  # whose bytes are not copied in the end
    data.write(start)
    check = _LARGE_BYTES
    while (left := size - data.tell()) > 0:
        if data.tell() >= check:  # whatever is made of so large a file takes as much again
            expect_memory(_LARGE_BYTES, "the rest of the file")
            check += _LARGE_BYTES
        part = file.read(min(left, _CHUNK_BYTES))
        if not part:
            break
        data.write(part)
    return data.getvalue()


def _resolved(target: str) -> Path:
    """Follow links; those that lead in a circle are an error, or one of them would be replaced."""
    path = Path(os.path.realpath(target))
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return path


def _existing(target: str) -> PictureError:
    return PictureError(f"cannot write {target}: it exists. Pass -f to replace it")


def _write_whole(path: Path, data: bytes, *, force: bool) -> None:
    if not force and _write_unnamed(path, data):
        return
    temporary = path.with_name(_temporary_name())
    try:
        if not _write_unnamed(temporary, data):
            temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:  # an interrupt too
        temporary.unlink(missing_ok=True)
        raise


def _write_unnamed(path: Path, data: bytes) -> bool:
    """Write a file that gets its name last; False where the system or file system does not do such things.

    Raises:
        OSError: it cannot be written, or there is a file of that name by now.
    """
    try:
        descriptor = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o666)
    except (AttributeError, OSError):  # if the directory is at fault, whoever tries by name will say so
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        try:  # a descriptor of any directory makes Python follow the link
            os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor, follow_symlinks=True)
        except FileExistsError:
            raise
        except OSError:  # no /proc, or a file system without links
            return False
    return True


def _temporary_name() -> str:
    return f".licrt-{os.urandom(6).hex()}.tmp"


@contextmanager
def workplace(parent: Path) -> Iterator[Path]:
    """Make a directory for what will be renamed into `parent`, and remove it in the end.

    It is called `.licrt-….tmp`. What killed processes left there of that name is removed when it is a day old.

    Raises:
        OSError: it cannot be made.
    """
    for path in parent.glob(".licrt-*.tmp"):
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(path)
    temporary = parent / _temporary_name()
    try:
        temporary.mkdir()
        yield temporary
    finally:
        try:
            shutil.rmtree(temporary, ignore_errors=True)
        except KeyboardInterrupt:  # in the middle of it
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def replace_directory(target: Path, new: Path, old: Path) -> None:
    """Rename `new` to `target`; what was there goes to `old`, and comes back if that fails or is interrupted.

    Raises:
        OSError: it cannot be renamed.
    """
    try:
        if target.exists():
            target.rename(old)
        new.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise


def _standard(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed by whoever started this process
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return stream


def _write_standard_output(data: bytes) -> None:
    output = _standard(sys.stdout)
    try:
        output.buffer.write(data)
        output.buffer.flush()
    except OSError:
        abandon(output)
        raise


def abandon(stream: TextIO) -> None:
    """Let what a stream could not write go nowhere: the interpreter would try again at exit, and exit with 120."""
    with suppress(OSError):  # one without a descriptor holds nothing that anybody would write
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def _open(source: str) -> Iterator[BinaryIO]:
    with _explained("read", source):
        if source == STANDARD:
            yield _standard(sys.stdin).buffer
        else:
            with Path(source).open("rb") as file:
                yield file


@contextmanager
def _explained(action: str, name: str) -> Iterator[None]:
    try:
        yield
    except LicrtError:
        raise
    except OSError as error:
        where = f"the standard {'input' if action == 'read' else 'output'}" if name == STANDARD else name
        raise PictureError(f"cannot {action} {where}: {error.strerror}") from error
