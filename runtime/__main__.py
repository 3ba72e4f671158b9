"""`python -m licrt.runtime --cmake-dir`: where the C interface lies, for the command lines of compilers."""

from __future__ import annotations

import click

from licrt.runtime import __version__, linking
from licrt.runtime.cli.errors import guard


@click.command("python -m licrt.runtime", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--cmake-dir", is_flag=True, help="What CMake's find_package(licrt) takes as licrt_DIR.")
@click.option("--include-dir", is_flag=True, help="The directory of licrt.h.")
@click.option("--library", is_flag=True, help="The shared library, to be linked with by its path.")
@click.version_option(__version__, message="%(version)s")
def main(cmake_dir: bool, include_dir: bool, library: bool) -> None:
    """Print where the C interface lies, a line for each option (docs/c-interface.md)."""
    asked = [(cmake_dir, linking.cmake_dir), (include_dir, linking.include_dir), (library, linking.library)]
    if not any(wanted for wanted, _ in asked):
        raise click.UsageError("expected --cmake-dir, --include-dir or --library.")
    with guard():
        for wanted, place in asked:
            if wanted:
                click.echo(place())


if __name__ == "__main__":
    main(prog_name="python -m licrt.runtime")
