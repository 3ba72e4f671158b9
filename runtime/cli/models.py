"""`lic-run models`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from licrt.runtime.cli import options

if TYPE_CHECKING:
    from licrt.runtime.models import ModelInfo

_COLUMNS = ("name", "default", "id", "arch", "quality", "metric", "rate_points", "parts", "path")


@click.command("models", short_help="List the installed models, or add one.")
@click.option("--add", "directory", metavar="DIR", help="First install the bundle in this directory for this user.")
@options.as_json
def command(directory: str | None, as_json: bool) -> None:
    """List the installed models, in the order in which they are searched.

    Searched are the directories in LICRT_MODEL_PATH, the user's data directory, and those that come with licrt.
    """
    from licrt.runtime.models import available_models, install

    if directory is not None:
        added = install(Path(directory))
        click.echo(f"installed {added.name} ({added.id}) in {added.path}", err=True)
    rows = [_describe(model) for model in available_models()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        click.echo(_table(rows))
    else:
        click.echo("no models are installed. Run: lic-run models --add DIR", err=True)


def _describe(model: ModelInfo) -> dict[str, object]:
    from licrt.runtime.models import DEFAULT, find

    values = {name: getattr(model, name) for name in _COLUMNS if name != "default"}
    values |= {"default": model.path == find(DEFAULT), "path": str(model.path)}
    return {name: values[name] for name in _COLUMNS}


def _table(rows: list[dict[str, object]]) -> str:
    cells = [list(_COLUMNS), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return ",".join(value) if isinstance(value, tuple) else "-" if value is None else str(value)
