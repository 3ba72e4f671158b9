"""`lic-eval rd`."""

from __future__ import annotations

import click


@click.command("rd", short_help="Measure rate and distortion of models on a set of pictures.")
def command() -> None:
    """Measure rate and distortion."""
