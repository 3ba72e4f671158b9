"""The program `lic-eval`, also `python -m licrt.evaluation`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licrt.runtime.interrupts import run

if TYPE_CHECKING:
    import click


def main() -> None:
    """Run `lic-eval` with the arguments of the process."""
    run("lic-eval", _command)


def _command() -> click.Command:
    from licrt.evaluation.cli import main as command

    return command


if __name__ == "__main__":
    main()
