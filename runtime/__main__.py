"""The program `lic-run`, also `python -m licrt.runtime`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licrt.runtime.interrupts import run

if TYPE_CHECKING:
    import click


def main() -> None:
    """Run `lic-run` with the arguments of the process."""
    run("lic-run", _command)


def _command() -> click.Command:
    from licrt.runtime.cli import main as command

    return command


if __name__ == "__main__":
    main()
