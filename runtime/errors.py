"""The errors that licrt raises, and the exit code that each one has on the command line.

Every message says what failed, what was expected, and what to do. No built-in ``IndexError``, ``KeyError``,
``ValueError`` or ``MemoryError`` comes out of hostile bytes: readers raise one of these instead.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class LicrtError(Exception):
    """Base of all errors of licrt.

    >>> try:
    ...     raise FormatError("not a licrt stream")
    ... except LicrtError as error:
    ...     print(error, error.exit_code)
    not a licrt stream 3
    """

    exit_code = 1


class FormatError(LicrtError, OSError):
    """A stream is corrupt, cut short, or not a licrt stream at all."""

    exit_code = 3


class ModelError(LicrtError):
    """A model is missing, damaged, or of a version that this runtime does not know."""

    exit_code = 4


class MismatchError(LicrtError):
    """The bytes are whole, but the decoded latents are not those that the encoder had."""

    exit_code = 4


class BackendError(LicrtError):
    """The inference engine or device asked for is not available."""

    exit_code = 5


class PictureError(LicrtError, OSError):
    """A picture cannot be read, written or handled: missing, unreadable, forbidden, or over a limit."""

    exit_code = 6


def first_line(error: BaseException) -> str:
    r"""Return the first line of what an error of someone else's code says, or its class if it says nothing.

    At most 200 characters, all of which can be printed, whatever bytes the error quotes.

    >>> first_line(ValueError("bad size\nsee the manual")), first_line(KeyError()), first_line(TypeError("\x1b[2J"))
    ('bad size', 'KeyError', '?[2J')
    """
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return "".join(character if character.isprintable() else "?" for character in line[:200])


@contextmanager
def enough_memory(what: str = "picture") -> Iterator[None]:
    """Turn MemoryError into PictureError; also a decorator.

    >>> try:
    ...     with enough_memory():
    ...         raise MemoryError
    ... except PictureError as error:
    ...     print(error)
    not enough memory for this picture. Use a smaller one, or a machine with more
    """
    try:
        yield
    except MemoryError as error:
        raise PictureError(f"not enough memory for this {what}. Use a smaller one, or a machine with more") from error
