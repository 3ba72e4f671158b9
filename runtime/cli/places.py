"""`lic-run --cmake-dir` and its like: where the C interface lies, for the command lines of compilers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from licrt.runtime import linking

if TYPE_CHECKING:
    from pathlib import Path

F = TypeVar("F", bound=Callable[..., Any])


def _option(name: str, place: Callable[[], Path], explanation: str) -> Callable[[F], F]:
    def show(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
        if wanted and not context.resilient_parsing:
            click.echo(place())
            context.exit()

    return click.option(name, is_flag=True, expose_value=False, is_eager=True, callback=show, help=explanation)


def options(command: F) -> F:
    """Add the options, each of which prints a path and exits (docs/c-interface.md)."""
    command = _option("--library", linking.shared_library, "Print the shared library, to be linked by path.")(command)
    command = _option("--include-dir", linking.include_dir, "Print the directory of licrt.h.")(command)
    return _option("--cmake-dir", linking.cmake_dir, "Print what CMake's find_package(licrt) takes.")(command)
