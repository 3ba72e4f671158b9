"""What a report is about: curves of files, folders and publications, each with its colour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from licrt.evaluation.comparison import load
from licrt.evaluation.storage import ResultsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licrt.evaluation.comparison import Source
    from licrt.evaluation.results import Point


@dataclass(frozen=True)
class Entry:
    """One curve of a report.

    Attributes:
        title: name that no other entry has.
        slot: colour and mark.
        source: the curve and what is known beside it.
        folder: where paths of its streams begin; None for published curves.
    """

    title: str
    slot: int
    source: Source
    folder: Path | None

    @property
    def published(self) -> bool:
        """Whether others measured it."""
        return self.source.results is None

    @property
    def points(self) -> Sequence[Point]:
        """All details, as far as they are known."""
        return self.source.results.points if self.source.results else ()

    def label(self, index: int) -> str:
        """Name a point for people, by what tells it from the others."""
        if self.source.results is None:
            return f"point {index + 1}"
        return describe(self.points, index, str(self.source.results.codec.get("parameter") or ""))


def collect(names: Sequence[str]) -> list[Entry]:
    """Return the curves of folders of results, files of results, and published curves, models first.

    Raises:
        PictureError: a file or folder cannot be read.
        ResultsError: a file holds something else, a folder holds no results, or there is no such curve.
    """
    found: list[tuple[Source, Path | None]] = []
    for name in dict.fromkeys(names):
        path = Path(name)
        if path.is_dir():
            files = sorted(path.glob("*.json"))
            if not files:
                raise ResultsError(f"{name} has no results. Make some with lic-eval rd or lic-eval anchors")
            found += [(load(file), path) for file in files]
        else:
            found.append((load(name), path.parent if path.exists() else None))
    found.sort(key=lambda pair: (pair[0].results is None, not _is_model(pair[0])))  # stable: names stay in order
    entries: list[Entry] = []
    for source, folder in found:
        title = source.curve.name + (" (published)" if source.published else "")
        taken = sum(entry.source.curve.name == source.curve.name for entry in entries if entry.title.startswith(title))
        entries.append(Entry(f"{title} ({taken + 1})" if taken else title, len(entries), source, folder))
    return entries


def describe(points: Sequence[Point], index: int, parameter: str = "") -> str:
    """Name a point by those of its settings that not all points share, and by the integer of a codec that has one.

    Args:
        points: all of a curve.
        index: of the one to name.
        parameter: what the makers of the codec call their integer; empty for models.

    >>> from licrt.evaluation.results import Point
    >>> describe([Point({"quality": 32}, ()), Point({"quality": 27}, ())], 1, "QP")
    'QP 27'
    >>> describe([Point({"model": "licrt2026-mse", "model_id": "ab", "quality": None}, ())], 0)
    'its only point'
    """
    settings = points[index].settings
    shown = []
    for key, value in settings.items():
        differs = any(point.settings.get(key) != value for point in points)
        if value is not None and (differs or (key == "quality" and parameter)) and not key.endswith("_id"):
            name = (parameter or key) if key == "quality" else ""
            shown.append(f"{name} {value}".strip())
    return ", ".join(shown) or "its only point"


def _is_model(source: Source) -> bool:
    return bool(source.results and source.results.codec.get("name") == "licrt")
