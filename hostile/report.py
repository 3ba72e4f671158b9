"""What became of many attempts, counted: a table for people, JSON for programs.

`python hostile/report.py COUNTS.json …` prints one table of what `streams.py --json` counted.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any


class Summary:
    """Counts of outcomes by some of the fields of their records, the worst cases, and what must not have happened."""

    def __init__(self, groups: tuple[str, ...]) -> None:
        self._groups = groups
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.reached: Counter[str] = Counter()
        self.worst: dict[str, tuple[float, int]] = {}
        self.failures: list[dict[str, Any]] = []
        self.total = 0

    def add(self, record: dict[str, Any], wrong: str | None) -> None:
        """Count a record; `wrong` says what must not have happened, if anything."""
        self.total += 1
        key = (*(record.get(group, "?") for group in self._groups), record["outcome"])
        self.counts[key] += 1
        self.reached[record.get("reached", "?")] += 1
        for field in ("seconds", "grown"):
            if record.get(field) is not None:
                self.worst[field] = max(self.worst.get(field, (0.0, -1)), (record[field], record["seed"]))
        if wrong:
            self.failures.append({"seed": record["seed"], "wrong": wrong, **record})

    def table(self, title: str) -> str:
        """Return a table in Markdown: a row for each group, a column for each outcome."""
        outcomes = sorted({key[-1] for key in self.counts})
        rows = sorted({key[:-1] for key in self.counts})
        lines = [f"### {title}", "", f"| {' | '.join((*self._groups, *outcomes))} |"]
        lines.append("|" + "---|" * (len(self._groups) + len(outcomes)))
        for row in rows:
            keys = ((*row, outcome) for outcome in outcomes)
            numbers = (str(self.counts[key] or "") for key in keys)
            lines.append(f"| {' | '.join((*row, *numbers))} |")
        totals = (str(sum(n for key, n in self.counts.items() if key[-1] == outcome)) for outcome in outcomes)
        lines.append(f"| {' | '.join(('all', *[''] * (len(self._groups) - 1), *totals))} |")
        reached = ", ".join(f"{name} {count}" for name, count in self.reached.most_common())
        worst = ", ".join(f"{key} {value:g} (seed {seed})" for key, (value, seed) in self.worst.items())
        lines += ["", f"{self.total} in all; got as far as: {reached}; worst: {worst}; {len(self.failures)} wrong"]
        lines += [f"WRONG: seed {each['seed']}: {each['wrong']}" for each in self.failures[:20]]
        return "\n".join(lines) + "\n"

    def as_json(self) -> dict[str, Any]:
        """Return the same as JSON has it."""
        return {
            "total": self.total,
            "counts": [[*key, count] for key, count in sorted(self.counts.items())],
            "reached": dict(self.reached),
            "worst": self.worst,
            "failures": self.failures[:100],
        }


def matrix(counts: dict[str, Any]) -> str:
    """Return one table in Markdown of what `streams.py --json` counted: a row for each model and mutation.

    Each group of checksums has its columns: refused, refused since latents differ, the valid picture, another one.
    """
    groups = {
        "as changed": ("refused", "picture"),
        "header, payload": ("refused", "latents differ", "picture"),
        "header, payload, latents": ("refused", "picture", "another"),
    }
    kinds = {"MismatchError": "latents differ", "same": "picture", "cropped": "picture", "different": "another"}
    columns = [(group, column) for group, names in groups.items() for column in names]
    lines = [f"| model | mutation | {' | '.join(column for _, column in columns)} |"]
    lines.append("|---|---|" + "---:|" * len(columns))
    for model, summary in counts.items():
        cells: Counter[tuple[str, str, str]] = Counter()
        for mutation, checksums, outcome, count in summary["counts"]:
            for row in (mutation, "all"):
                cells[row, checksums, kinds.get(outcome, "refused")] += count
        for row in [*sorted({key[0] for key in cells} - {"all"}), "all"]:
            numbers = (f"{cells.pop((row, *column), 0):,}" for column in columns)
            lines.append(f"| {model} | {row} | {' | '.join(numbers)} |")
        if any(cells.values()):
            lines.append(f"| {model} | must not be | {dict(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    files = (json.loads(Path(name).read_text()) for name in sys.argv[1:])
    print(matrix({name: summary for counts in files for name, summary in counts.items()}), end="")
