"""Where a bundle may be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licrt.runtime.errors import PictureError

if TYPE_CHECKING:
    from pathlib import Path


def refuse_existing(output: Path, force: bool) -> None:
    """Raise PictureError where a bundle must not be written: something is there, and is no bundle or not to go."""
    if output.exists() and not force:
        raise PictureError(f"{output} exists. Choose another directory with -o, or replace it with --force")
    if output.exists() and not (output / "manifest.json").is_file():
        raise PictureError(f"{output} exists and is not a bundle, so it stays. Choose another directory with -o")
