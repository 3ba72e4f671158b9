"""`lic-run`: one module per subcommand, each with a click command called `command`.

Modules here import numpy, Pillow and the inference engine inside functions only, so that `lic-run --help` and
`lic-run info` start at once.
"""

from __future__ import annotations

import click

from licrt.runtime import __version__
from licrt.runtime.cli import bench, decode, doctor, encode, flatten, info, models, places, verify
from licrt.runtime.cli.errors import GuardedGroup


@click.group("lic-run", cls=GuardedGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lic-run", message="%(prog)s %(version)s")
@places.options
def main() -> None:
    """Encode and decode pictures with learned codecs.

    \b
      lic-run encode photo.png          writes photo.lci
      lic-run decode photo.lci          writes photo.png
      lic-run bench photo.png           measures both

    Exit codes: 0 done, 1 some of several files failed, 2 wrong usage, 3 corrupt or foreign stream, 4 model missing or
    wrong, 5 inference engine or device missing, 6 a file cannot be read or written, 130 interrupted, 143 terminated.
    """  # noqa: D301 (click reads the control character)


for _module in (encode, decode, info, verify, bench, models, flatten, doctor):
    main.add_command(_module.command)
