"""Errors on the command line: one line on standard error, and an exit code that scripts can rely on."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from licrt.runtime.errors import LicrtError, PictureError
from licrt.runtime.files import abandon
from licrt.runtime.interrupts import INTERRUPTED, TERMINATED, Terminated

if TYPE_CHECKING:
    from collections.abc import Iterator


def say(line: str) -> None:
    """Print a line to standard error, if that is possible: a log on a full disk fails no work.

    Names of files, and of what is in a model, come from strangers: what would steer a terminal is shown, not obeyed.
    """
    shown = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in line)
    try:
        click.echo(shown, err=True)
    except OSError:
        abandon(sys.stderr)


def complain(message: str) -> None:
    """Print one line to standard error, whatever the message holds, and where it came from if LICRT_DEBUG is 1."""
    if os.environ.get("LICRT_DEBUG") == "1":
        traceback.print_exc()
    say(f"{_program()}: {' '.join(message.split())}")


def explain(error: Exception) -> tuple[str, int]:
    """Return the message and exit code for an error.

    >>> explain(PictureError("cannot read a.png: No such file or directory"))
    ('cannot read a.png: No such file or directory', 6)
    """
    if isinstance(error, LicrtError):
        return str(error), error.exit_code
    if isinstance(error, MemoryError):
        return "not enough memory for this picture. Use a smaller one, or a machine with more", PictureError.exit_code
    if isinstance(error, OSError):  # mostly standard output: a full disk, or a reader that went away
        where = f" {error.filename}" if error.filename else ""
        return f"cannot read or write{where}: {error.strerror or error}", PictureError.exit_code
    return f"internal error: {type(error).__name__}: {error}. Please report it with LICRT_DEBUG=1 set", 1


@contextmanager
def our_words_only() -> Iterator[None]:
    """Keep C libraries off standard error: libtiff prints what it finds wrong, and the file has its one line anyway.

    What Python prints goes on to where it went. For the whole process: to be entered by one thread at a time.
    """
    try:
        kept = os.dup(2)
    except OSError:  # closed
        yield
        return
    before, usual = sys.stderr, sys.__stderr__
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 2)
        os.close(silence)
        if usual is not None and before is usual:
            sys.stderr = open(kept, "w", 1, usual.encoding, usual.errors, closefd=False)  # noqa: SIM115 (holds nothing)
        yield
    finally:
        if sys.stderr is not before:
            with suppress(OSError):
                sys.stderr.flush()
            sys.stderr = before
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def guard() -> Iterator[None]:
    """Leave with the exit code of whatever is raised inside; click's own exceptions pass."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit):
        raise
    except Terminated as error:
        say(f"{_program()}: terminated")
        raise SystemExit(TERMINATED) from error
    except KeyboardInterrupt as error:
        say(f"{_program()}: interrupted")
        raise SystemExit(INTERRUPTED) from error
    except Exception as error:
        message, code = explain(error)
        complain(message)
        if isinstance(error, OSError):
            _settle_output()
        raise SystemExit(code) from error


class GuardedGroup(click.Group):
    """A group whose errors become one line and an exit code: those of commands, and of printing their help.

    Its commands are listed in the order in which they were added.
    """

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: D102
        with guard():
            return super().main(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: D102
        with guard():  # here too: click has its own way with interrupts
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002, D102
        return list(self.commands)


def _settle_output() -> None:
    if sys.stdout:  # None if closed by whoever started this process
        try:
            sys.stdout.flush()
        except OSError:
            abandon(sys.stdout)


def _program() -> str:
    context = click.get_current_context(silent=True)
    return (context and context.find_root().info_name) or "lic-run"
