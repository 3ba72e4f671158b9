"""`lic-run info`: what a stream says of itself. Needs no model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from licrt.runtime.cli import options
from licrt.runtime.container import read_info, read_stream
from licrt.runtime.errors import FormatError, ModelError
from licrt.runtime.files import read_stream_file

if TYPE_CHECKING:
    from licrt.runtime.container import StreamInfo


@click.command("info", short_help="Show what a stream holds.")
@click.argument("file", metavar="FILE")
@options.as_json
def command(file: str, as_json: bool) -> None:
    """Show what a stream holds, and check that its bytes are whole.

    The quality that a rate point stands for is shown if the model is installed. Rate point 0 is quality 0 of a model of
    variable rate, and all that others have.
    """
    data = read_stream_file(file)
    info = read_info(data)
    problem = None
    try:
        read_stream(data)
    except FormatError as error:
        problem = error
    fields = {**describe(info), "quality": _quality(info), "intact": problem is None}
    if as_json:
        click.echo(json.dumps({**fields, "sections": sections(info)}, indent=2))
    else:
        _show(fields, info)
    if problem:
        raise problem


def describe(info: StreamInfo) -> dict[str, object]:
    """Return the header's fields with plain names and values."""
    return {
        "version": ".".join(map(str, info.version)),
        "kind": "image",
        "width": info.width,
        "height": info.height,
        "bytes": info.size,
        "bits_per_pixel": round(info.bits_per_pixel, 4),
        "model_id": info.model_id.hex(),
        "rate_point": info.rate_point,
        "latent_crc": f"{info.latent_crc:08x}",
    }


def sections(info: StreamInfo) -> list[dict[str, object]]:
    """Return type, name, lanes and bytes of every section."""
    return [{"type": s.type, "name": s.name, "lanes": s.lanes, "bytes": s.length} for s in info.sections]


def _quality(info: StreamInfo) -> int | None:
    """Return the quality of a stream, if its rate point tells and its model is there to say how many there are."""
    if info.rate_point == 0:
        return None
    from licrt.runtime.bundle import load_bundle
    from licrt.runtime.models import find
    from licrt.runtime.rate import quality_of

    try:
        points = load_bundle(find(info.model_id.hex())).rate_points
    except ModelError:
        return None
    return quality_of(info.rate_point, points) if info.rate_point < points else None


def _show(fields: dict[str, object], info: StreamInfo) -> None:
    for name, value in fields.items():
        if value is not None:
            click.echo(f"{name:<15} {value}")
    for section in info.sections:
        lanes = f", lanes {section.lanes}" if section.lanes else ""
        click.echo(f"{'section':<15} {section.type} ({section.name}), {section.length:,} bytes{lanes}")
