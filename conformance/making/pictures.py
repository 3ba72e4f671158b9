"""The source pictures: small parts of the photographs of free licence that the repository ships."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
# Photograph; left, top, width, height. Sizes are no multiples of the stride, but for one.
CROPS = {
    "mountain": ("examples/photo.webp", (300, 130, 93, 61)),
    "wine": ("export/photos/check/wine.webp", (180, 200, 160, 144)),
    "column": ("examples/photo.webp", (400, 100, 1, 70)),
    "pixel": ("export/photos/check/wine.webp", (250, 250, 1, 1)),
    # Large enough for floats of two machines to round to different symbols now and then; too large for `streams`.
    "only-encoded/ridge": ("examples/photo.webp", (192, 128, 384, 256)),
}


def write_pictures(folder: Path) -> None:
    """Cut the pictures."""
    (folder / "only-encoded").mkdir()
    for name, (path, (left, top, width, height)) in CROPS.items():
        with Image.open(ROOT / path) as photograph:
            part = photograph.convert("RGB").crop((left, top, left + width, top + height))
        part.save(folder / f"{name}.png", optimize=True)
