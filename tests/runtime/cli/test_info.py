"""`lic-run info`: header fields for people and programs, from any stream, without a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from licrt.runtime.cli import main
from licrt.runtime.container import EXIF, LATENT, Section, Stream, write_stream

if TYPE_CHECKING:
    from pathlib import Path

STREAM = write_stream(
    Stream(
        640,
        480,
        bytes(range(16)),
        0xABCD,
        (Section(LATENT, 4, bytes(1000)), Section(EXIF, 0, b"II"), Section(200, 0, b"")),
    )
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "photo.lci"
    path.write_bytes(STREAM)
    return path


def test_table(file: Path) -> None:
    result = CliRunner().invoke(main, ["info", str(file)])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "version         0.1",
        "kind            image",
        "width           640",
        "height          480",
        "bytes           1072",
        "bits_per_pixel  0.0279",
        "model_id        000102030405060708090a0b0c0d0e0f",
        "rate_point      0",
        "latent_crc      0000abcd",
        "intact          True",
        "section         1 (latent), 1,000 bytes, lanes 4",
        "section         66 (EXIF), 2 bytes",
        "section         200 (ancillary), 0 bytes",
    ]


def test_json(file: Path) -> None:
    result = CliRunner().invoke(main, ["info", "--json", str(file)])
    fields = json.loads(result.stdout)
    assert fields["intact"] is True
    assert fields["sections"][0] == {"type": 1, "name": "latent", "lanes": 4, "bytes": 1000}
    assert fields["bits_per_pixel"] == round(8 * len(STREAM) / (640 * 480), 4)


def test_standard_input() -> None:
    result = CliRunner().invoke(main, ["info", "-"], input=STREAM)
    assert result.exit_code == 0
    assert "640" in result.stdout


@pytest.mark.parametrize("size", [71, len(STREAM) - 1])
def test_cut_short_streams_show_their_header_and_fail(file: Path, size: int) -> None:
    file.write_bytes(STREAM[:size])
    result = CliRunner().invoke(main, ["info", "--json", str(file)])
    assert result.exit_code == 3
    assert json.loads(result.stdout)["width"] == 640
    assert json.loads(result.stdout)["intact"] is False
    assert "cut short" in result.stderr
