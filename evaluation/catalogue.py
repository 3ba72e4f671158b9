"""Curves that others published, by name: `vtm` is Kodak's, `clic2020-mobile/vtm` another set's.

They are in `published/`, one JSON file per set of pictures, which says where the numbers are from, under which licence,
and how each curve was measured.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from licrt.evaluation.results import Curve
from licrt.evaluation.storage import ResultsError

FOLDER = Path(__file__).parent / "published"
FORMAT = "licrt published curves 1"
DEFAULT = "kodak"


@dataclass(frozen=True)
class Published:
    """A published curve.

    Attributes:
        dataset, title: the set's short name, such as `kodak`, and in words.
        images: how many pictures it has; None if that is not certain.
        name: of the curve within its set.
        how: what was measured, in a line.
        source, licence: of the numbers.
        curve: as results have it.
    """

    dataset: str
    title: str
    images: int | None
    name: str
    how: str
    source: str
    licence: str
    curve: Curve

    @property
    def full_name(self) -> str:
        """The name that finds it whatever other sets there are."""
        return f"{self.dataset}/{self.name}"


@cache
def published() -> tuple[Published, ...]:
    """Return all curves, Kodak's first, by name.

    >>> [each.name for each in published() if each.name.startswith("mbt2018-mse")]
    ['mbt2018-mse', 'mbt2018-mse-8bit', 'mbt2018-mse', 'mbt2018-mse-8bit', 'mbt2018-mse']
    """
    found = [each for path in FOLDER.glob("*.json") for each in _read(path)]
    return tuple(sorted(found, key=lambda each: (each.dataset != DEFAULT, each.dataset, each.name)))


def find(name: str) -> Published:
    """Return the curve of a name, `curve` or `dataset/curve`.

    Raises:
        ResultsError: there is none.

    >>> find("vtm").full_name, find("clic2020-mobile/vtm").title
    ('kodak/vtm', 'CLIC 2020, mobile')
    """
    wanted = name if "/" in name else f"{DEFAULT}/{name}"
    for each in published():
        if each.full_name == wanted:
            return each
    raise ResultsError(f"{name}: no such file, and no published curve of that name. List these with lic-eval bd --list")


def _read(path: Path) -> list[Published]:
    data = json.loads(path.read_text(encoding="utf-8"))
    if data["format"] != FORMAT:
        raise ResultsError(f"{path}: expected {FORMAT!r}, found {data['format']!r}")
    dataset, title, images, source, licence = (data[key] for key in ("dataset", "title", "images", "source", "licence"))
    found = []
    for entry in data["curves"]:
        name, how = entry["name"], entry["how"]
        columns = {key: tuple(value) for key, value in entry.items() if isinstance(value, list)}
        curve = Curve(name if dataset == DEFAULT else f"{dataset}/{name}", how, columns)
        found.append(Published(dataset, title, images, name, how, source, licence, curve))
    return found
