"""Options that several subcommands share."""

from __future__ import annotations

import click

from licrt.runtime.container import MAX_PIXELS

encoder_model = click.option(
    "-m", "--model", default="default", show_default=True, help="Model: a name, an id, or the directory of a bundle."
)
decoder_model = click.option(
    "-m", "--model", default=None, help="Model: a name, an id, or a directory.  [default: the one that the file names]"
)
quality = click.option(
    "-q",
    "--quality",
    type=click.IntRange(0, 100),
    help="0 (smallest file) to 100 (best picture), for models of variable rate, spread evenly over their rate points.  "
    "[default: the model's]",
)
device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "tensorrt"]),
    default="auto",
    show_default=True,
    help="Where to run the float networks; auto takes a GPU if one works.",
)
threads = click.option(
    "-j",
    "--threads",
    type=click.IntRange(min=1),
    help="Threads, of all files together.  [default: all CPUs that this process may use]",
)
force = click.option("-f", "--force", is_flag=True, help="Replace existing files.")
quiet = click.option("--quiet", is_flag=True, help="Say nothing but errors.")
verbose = click.option("-v", "--verbose", is_flag=True, help="Also show model, engine, and the time of every stage.")
out_dir = click.option(
    "--out-dir", help="Directory for the results, made if it is missing; those of a folder lie in it as in the folder."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
recursive = click.option(
    "-r", "--recursive", is_flag=True, help="Of folders, also take the files in all folders below."
)
max_pixels = click.option(
    "--max-pixels",
    type=click.IntRange(1, MAX_PIXELS),
    default=MAX_PIXELS,
    show_default=True,
    help="Refuse larger pictures before there is memory for them.",
)
