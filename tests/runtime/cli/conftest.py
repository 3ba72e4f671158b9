"""A small photograph, its stream, and calls of `lic-run` in this process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from PIL import Image

from licrt.runtime import Codec
from licrt.runtime.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

PHOTOGRAPH = Path(__file__).parents[3] / "examples" / "photo.webp"


@dataclass(frozen=True)
class Outcome:
    code: int
    stdout: bytes
    stderr: str


@pytest.fixture(scope="session")
def codec() -> Codec:
    return Codec.load("default", "cpu", 1)


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`photo.png`, 75 x 50 pixels, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    with Image.open(PHOTOGRAPH) as image:
        image.convert("RGB").crop((300, 200, 375, 250)).save("photo.png")
    return Path("photo.png")


@pytest.fixture
def stream(photo: Path, codec: Codec) -> Path:
    """`photo.lci`, made from `photo.png`."""
    from licrt.runtime.picture import read_picture

    path = Path("photo.lci")
    path.write_bytes(codec.encode(read_picture(photo.read_bytes()).rgb))
    return path


@pytest.fixture
def lic_run() -> Callable[..., Outcome]:
    """Run `lic-run` with some arguments and standard input."""

    def run(*arguments: str | Path, stdin: bytes | None = None) -> Outcome:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)
        return Outcome(result.exit_code, result.stdout_bytes, result.stderr)

    return run
