"""What `encode` and `decode` say on standard error, and the directory they share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from licrt.runtime.errors import PictureError

if TYPE_CHECKING:
    from licrt.runtime.codec import Codec


def show_codec(codec: Codec, verbose: bool) -> None:
    """Say which model and engine are in use."""
    if verbose:
        engine = ", ".join(f"{key} {value}" for key, value in codec.engine.items())
        click.echo(f"model {codec.info.name} ({codec.info.id}), {engine}", err=True)


def show_stage(name: str, seconds: float) -> None:
    """Say how long one stage took."""
    click.echo(f"  {name:<16} {1e3 * seconds:9.2f} ms", err=True)


def make_directory(path: str | None) -> None:
    """Make the directory of `--out-dir`, if one is asked for and missing."""
    if path is None:
        return
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"cannot make the directory {path}: {error.strerror}") from error
