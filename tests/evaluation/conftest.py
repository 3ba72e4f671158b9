"""Small sets of pictures, and calls of `lic-eval` in this process and in processes of its own."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from PIL import Image
from references.sets import LIC_EVAL, write_pictures
from references.tiny_photo import photo

from licrt.evaluation.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `set` with three pictures, one of which is large enough for MS-SSIM; it lies where tests work."""
    monkeypatch.chdir(tmp_path)
    folder = write_pictures(tmp_path / "set", 2)
    Image.fromarray(photo(163, 170, 9)).save(folder / "large.png")
    return folder


@pytest.fixture
def lic_eval() -> Callable[..., Result]:
    """Run `lic-eval` with some arguments."""
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def lic_eval_alone() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `lic-eval` in a process of its own."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*LIC_EVAL, *map(str, arguments)], capture_output=True, text=True, check=False)

    return run
