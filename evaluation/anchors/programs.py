"""Other programs: found on the PATH, run once, and their complaints passed on in a line."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

from licrt.runtime.errors import BackendError, LicrtError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SECONDS = 3600


class ProgramError(LicrtError):
    """Another program failed on a picture."""


def find_program(anchor: str, *names: str) -> str:
    """Return the path of the first of these programs that is on the PATH.

    Raises:
        BackendError: none of them is.

    >>> find_program("vtm", "no-such-program")
    Traceback (most recent call last):
    licrt.runtime.errors.BackendError: vtm: no-such-program is not on the PATH
    """
    for name in names:
        if path := shutil.which(name):
            return path
    raise BackendError(f"{anchor}: {' or '.join(names)} is not on the PATH")


def run(command: Sequence[str], data: bytes = b"", cwd: Path | None = None) -> tuple[bytes, str]:
    """Run a program to its end.

    Args:
        command: its path and arguments.
        data: its standard input.
        cwd: the folder that it runs in.

    Returns:
        Its standard output, and its standard error as text.

    Raises:
        ProgramError: it cannot be started, exits with anything but 0, or takes more than an hour.

    >>> run(["cat"], b"abc")
    (b'abc', '')
    """
    line = shlex.join(command)
    try:
        done = subprocess.run(command, input=data, capture_output=True, check=False, timeout=SECONDS, cwd=cwd)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise ProgramError(f"{line} did not end within {SECONDS} s") from error
    except OSError as error:
        raise ProgramError(f"{line} cannot be started: {error.strerror}") from error
    errors = done.stderr.decode(errors="replace")
    if done.returncode:
        said = [
            each for each in [*done.stdout.decode(errors="replace").splitlines(), *errors.splitlines()] if each.strip()
        ]
        raise ProgramError(f"{line} exited with {done.returncode}: {said[-1].strip() if said else 'it said nothing'}")
    return done.stdout, errors


def banner(command: Sequence[str]) -> str:
    """Return what a program prints of itself, whatever it exits with: many only do it for wrong usage."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout + done.stderr).decode(errors="replace")


def first_match(pattern: str, text: str, otherwise: str = "unknown version") -> str:
    r"""Return what the first group of a pattern finds, for versions that programs print.

    >>> first_match(r"version (\S+)", "ffmpeg version 5.1.9 Copyright")
    '5.1.9'
    """
    found = re.search(pattern, text)
    return found[1] if found else otherwise
