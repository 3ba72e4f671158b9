"""The figures are what the script draws, and nothing in them is cut off."""

import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "figures"
DRAWN = runpy.run_path(str(FOLDER / "draw.py"))["figures"]()
SVG = "{http://www.w3.org/2000/svg}"
WIDEST = 0.6  # of a letter on average, in font sizes: DejaVu Sans, the widest of the usual fonts


def test_committed_files_are_what_the_script_draws() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.svg")}
    assert committed == DRAWN, "run: python docs/figures/draw.py"


def test_every_figure_is_shown_in_the_page_and_the_page_shows_no_other() -> None:
    page = (FOLDER.parent / "entropy-paths.md").read_text(encoding="utf-8")
    assert {name for name in DRAWN if f"(figures/{name})" in page} == set(DRAWN)
    assert page.count("(figures/") == len(DRAWN)


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_text_stays_in_its_box_and_on_the_card(name: str) -> None:
    root = ET.fromstring(DRAWN[name])
    boxes = [[float(rect.get(side, 0)) for side in ("x", "y", "width", "height")] for rect in root.iter(f"{SVG}rect")]
    texts = list(root.iter(f"{SVG}text"))
    assert len(texts) > 5
    for text in texts:
        x, y = float(text.get("x", 0)), float(text.get("y", 0))
        width = WIDEST * float(text.get("font-size", 0)) * len(text.text or "")
        left = x - {"start": 0.0, "end": width}.get(text.get("text-anchor", ""), width / 2)
        around = [box for box in boxes if box[0] < x < box[0] + box[2] and box[1] < y < box[1] + box[3]]
        box = min(around, key=lambda box: box[2] * box[3])
        assert box[0] <= left, text.text
        assert left + width <= box[0] + box[2], text.text
