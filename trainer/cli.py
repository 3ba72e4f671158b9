"""The ``train-model`` command."""

from __future__ import annotations

import os
import sys

import click

from licrt.runtime.cli.errors import guard, say


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--resume", is_flag=True, help="Continue the run in the output folder, to exactly the same numbers.")
@click.option("--print-config", is_flag=True, help="Print the recipe with all its keys, and train nothing.")
@click.version_option(package_name="licrt")
def main(recipe: str, overrides: tuple[str, ...], *, resume: bool, print_config: bool) -> None:
    """Train a model as RECIPE says: a YAML file, or the name of a recipe that comes with licrt.

    \b
      train-model mbt2018-mean train_folders=photos output=run lmbda=0.013
      train-model run/recipe.yaml --resume

      torchrun --nproc-per-node 2 -m licrt.trainer mbt2018-mean train_folders=photos output=run

    The output folder gets metrics.jsonl and metrics.csv, state.pth.tar, from which --resume continues, and
    best.safetensors and last.safetensors for export-model --checkpoint.
    """  # noqa: D301 (click reads the control character)
    with guard():
        from licrt.trainer.recipe import load_recipe, to_yaml

        settings = load_recipe(recipe, overrides)
        if print_config:
            click.echo(to_yaml(settings), nl=False)
            return
        from licrt.trainer.loop import train

        path = train(settings, resume=resume, say=say, show_progress=sys.stderr.isatty())
        if os.environ.get("RANK", "0") == "0":
            click.echo(path)
