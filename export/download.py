"""One file from the web: nothing has its name before it is whole and accepted, whatever happens meanwhile."""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import click
import requests
import urllib3
from pooch import HTTPDownloader

from licrt.runtime.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CHUNK_BYTES = 1 << 16


def download(
    url: str,
    target: Path,
    accept: Callable[[Path], None],
    *,
    timeout: float,
    say: Callable[[str], None],
    bar: bool,
) -> None:
    """Download a file, unless another process does so meanwhile: then wait for that one.

    Args:
        url: of http or https.
        target: what to call it; the directory is made.
        accept: called with the path of the whole file before it is renamed, and raises if that must not be.
        timeout: seconds without a byte after which the server is given up.
        say: called with a line before bytes come, and before waiting.
        bar: draw a progress bar on standard error.

    Raises:
        PictureError: it cannot be downloaded or written. Nothing is left then.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target, say) as file:
            if os.path.lexists(target):
                return
            say(f"downloading {url}")
            with closing(_Bar(shown=bar)) as progress:
                _receive(url, file, timeout, progress)
            file.flush()
            part = _part(target)
            accept(part)
            part.rename(target)
    except PictureError:
        raise
    except OSError as error:
        raise PictureError(
            f"cannot write {target}: {error.strerror}. Make room there, or set XDG_CACHE_HOME"
        ) from error


def _receive(url: str, file: BinaryIO, timeout: float, progress: _Bar) -> None:
    handled = sys.exc_info()[1]  # by a caller who downloads meanwhile
    try:
        HTTPDownloader(progressbar=progress, chunk_size=_CHUNK_BYTES, timeout=timeout)(url, file, None)
    except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
        if (response := getattr(error, "response", None)) is not None:  # pooch leaves it open
            response.close()
        raise PictureError(
            f"cannot download {url}: {_reason(error, handled)}. Check the network, or name a mirror with LICRT_ZOO_URL"
        ) from error


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


@contextmanager
def _alone(target: Path, say: Callable[[str], None]) -> Iterator[BinaryIO]:
    """Open the file that is to become the target, empty, for this process alone.

    The lock is the operating system's: it ends with the process, however that ends. What a killed process left is
    overwritten by the next. No file is left where the body leaves the target unmade.
    """
    part = _part(target)
    while True:
        with part.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"waiting for another process that downloads {target.name}")
                fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_named(file, part):  # whoever had the lock renamed or removed the file
                continue
            file.truncate(0)
            try:
                yield file
            finally:
                if _is_named(file, part):
                    part.unlink()
            return


def _is_named(file: BinaryIO, path: Path) -> bool:
    """Tell whether an open file still has this name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _reason(error: BaseException, handled: BaseException | None = None) -> str:
    """Return what is at the bottom of an error that requests and urllib3 have wrapped several times, fit to print.

    >>> _reason(requests.HTTPError("404 Client Error: Not Found for url: http://localhost/a"))
    '404 Client Error: Not Found'
    """
    while (inner := error.__cause__ or error.__context__) not in (None, handled):
        error = inner
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return "".join(c if c.isprintable() else "?" for c in text.split(" for url: ")[0].rstrip("."))


class _Bar:
    """A progress bar of click's that pooch can drive. Pooch sets the total, and counts whole chunks."""

    total = 0

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._bar: Any = None

    def update(self, count: int) -> None:
        if self._shown and self.total and self._bar is None:
            self._bar = click.progressbar(length=self.total, label=f"{self.total / 1e6:.1f} MB", file=sys.stderr)
        if self._bar is not None:
            self._bar.update(min(count, self.total - self._bar.pos))

    def reset(self) -> None:
        """Do nothing: pooch begins anew at the end, to fill the bar."""

    def close(self) -> None:
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None
