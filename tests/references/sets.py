"""Sets of small pictures, and the command that measures them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PIL import Image
from references.tiny_photo import photo

if TYPE_CHECKING:
    from pathlib import Path

LIC_EVAL = [sys.executable, "-m", "licrt.evaluation"]


def write_pictures(folder: Path, count: int, height: int = 48, width: int = 64) -> Path:
    """Write `0.png`, `1.png`, … of a few pixels each."""
    folder.mkdir()
    for number in range(count):
        Image.fromarray(photo(height, width, number)).save(folder / f"{number}.png")
    return folder
