"""`lic-run info`: what a stream says of itself. Needs no model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from licrt.runtime.cli import options
from licrt.runtime.container import read_info, read_stream
from licrt.runtime.errors import FormatError
from licrt.runtime.files import read_stream_file

if TYPE_CHECKING:
    from licrt.runtime.container import StreamInfo


@click.command("info", short_help="Show what a stream holds.")
@click.argument("file", metavar="FILE")
@options.as_json
def command(file: str, as_json: bool) -> None:
    """Show what a stream holds, and check that its bytes are whole."""
    data = read_stream_file(file)
    info = read_info(data)
    problem = None
    try:
        read_stream(data)
    except FormatError as error:
        problem = error
    fields = {**describe(info), "intact": problem is None}
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


def _show(fields: dict[str, object], info: StreamInfo) -> None:
    for name, value in fields.items():
        click.echo(f"{name:<15} {value}")
    for section in info.sections:
        lanes = f", lanes {section.lanes}" if section.lanes else ""
        click.echo(f"{'section':<15} {section.type} ({section.name}), {section.length:,} bytes{lanes}")
