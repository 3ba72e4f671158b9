"""`lic-eval`: one module per subcommand, named after it, each with a click command called `command`.

A module is imported when its subcommand, or the list of all, is asked for. They import numpy, scipy, matplotlib and
the inference engine inside functions only.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from licrt.runtime import __version__
from licrt.runtime.cli.errors import GuardedGroup, guard
from licrt.runtime.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Sequence[str] = ("rd", "anchors", "find-close", "bd", "report", "peers")


class _Group(GuardedGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"licrt.evaluation.cli.{name.replace('-', '_')}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        with guard():
            try:
                return click.Group.invoke(self, ctx)
            except ModuleNotFoundError as error:
                raise BackendError(f"this needs the package {error.name}. Run: pip install 'licrt[eval]'") from error


@click.group("lic-eval", cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lic-eval", message="%(prog)s %(version)s")
def main() -> None:
    """Measure codecs on pictures: rates, distortions, times.

    \b
      lic-eval rd photos -o out                  writes out/licrt2026-mse.json, of the embedded model
      lic-eval anchors photos -o out             writes out/jpeg.json, …, out/jpegxl.json
      lic-eval bd out/avif.json out/jpeg.json    says how many more bytes the first needs
      lic-eval report out --pictures photos      writes out/report.html

    Exit codes: 0 done, 1 some pictures failed, 2 wrong usage, 3 corrupt or foreign stream, 4 model missing or wrong,
    5 inference engine or package missing, 6 a file cannot be read or written, 130 interrupted.
    """  # noqa: D301 (click reads the control character)
