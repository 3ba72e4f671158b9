"""`lic-run flatten`: the exact half of a model as one file, for programs in C."""

from __future__ import annotations

import click

from licrt.runtime.cli import batch, options
from licrt.runtime.cli.errors import say
from licrt.runtime.cli.report import display
from licrt.runtime.files import check_target, write_file


@click.command("flatten", short_help="Write what a program in C needs of a model.")
@click.argument("model", metavar="MODEL")
@click.option("-o", "--output", metavar="OUT", help="File to write; - is the standard output.  [default: NAME.lcm]")
@options.force
@options.quiet
def command(model: str, output: str | None, force: bool, quiet: bool) -> None:
    """Write the exact half of a model as one flat file, for programs in C without JSON (docs/c-interface.md).

    MODEL is a name, an id, or the directory of a bundle. The file holds tables and integer networks, all that decodes
    latents; the graphs of the float networks stay in the bundle.
    """
    from licrt.runtime.bundle import is_plain_name, load_bundle
    from licrt.runtime.flat import flatten
    from licrt.runtime.models import find

    bundle = load_bundle(find(model))
    if output is None:
        if not is_plain_name(bundle.name):
            raise click.UsageError(f"the model is called {bundle.name!r}, which is no name of a file; use -o.")
        output = f"{bundle.name}.lcm"
    batch.expect_no_terminal(output)
    check_target(output, force=force)
    data = flatten(bundle)
    write_file(output, data, force=force)
    if not quiet:
        say(f"{bundle.name} ({bundle.id}) -> {display(output, 'stdout')}  {len(data):,} bytes")
