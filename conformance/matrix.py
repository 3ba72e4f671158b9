"""Runs every lane and prints one matrix, which `make conformance` does as well.

    python -m conformance.matrix [--only WORD,...] [--require LANE,...] [--json]

A column is a lane, a row an architecture. A cell such as `7+5` says that the lane decoded all 7 conformance streams to
the integers expected, and encoded 5 pictures to streams that every lane decodes to the latents that its encoder had;
`6/7` that one of 7 differs. Differences are listed, and make the exit code 1.
"""

from __future__ import annotations

import argparse
import json
import shutil
import string
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from conformance.compare import Difference, differences, read_refused, refused_differences
from conformance.lanes import ROOT, Failed, Lane, NotRun, Observation, all_lanes
from conformance.observe import STREAMS, read_expected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

WORK = ROOT / "build" / "conformance"
REFUSED_ROW = "refused"


@dataclass
class Column:
    """One lane, and what came of it."""

    lane: Lane
    work: Path
    reason: str = ""  # it did not run
    failure: str = ""  # it did not finish
    encoded: Path | None = None
    observation: Observation = field(default_factory=dict)


def main() -> int:
    """Run, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD,...", help="lanes whose names have one of these words")
    parser.add_argument("--require", default="", metavar="LANE,...", help="lanes (or words of them) that must run")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    only, required = ([word for word in text.split(",") if word] for text in (arguments.only, arguments.require))
    columns = [Column(lane, WORK / file) for file, lane in all_lanes() if not only or matches(lane.name, only)]
    unknown = [word for word in only + required if not any(matches(column.lane.name, [word]) for column in columns)]
    if unknown or not columns:
        names = "\n  ".join(lane.name for _, lane in all_lanes())
        parser.error(f"no lane is called {', '.join(unknown)}. The lanes are:\n  {names}")
    run(columns)
    found = compare(columns)
    missing = [column for column in columns if column.reason and matches(column.lane.name, required)]
    failed = [column for column in columns if column.failure]
    print(json.dumps(as_json(columns, found), indent=1) if arguments.json else as_text(columns, found))
    for column in missing:
        print(f"{column.lane.name} is required, and did not run: {column.reason}", file=sys.stderr)
    return bool(found or missing or failed)


def matches(name: str, words: Sequence[str]) -> bool:
    """Tell whether a lane is meant by one of some words: its name, or a word of it."""
    return any(word == name or word in name.split() for word in words)


def run(columns: Sequence[Column]) -> None:
    """Let every lane encode, then let every lane decode everything."""
    encoded = WORK / "encoded"
    shutil.rmtree(encoded, ignore_errors=True)
    encoded.mkdir(parents=True)
    for column in columns:
        if column.lane.encode:
            folder = encoded / column.lane.name.replace(" ", "_").replace("/", "_")
            if attempt(column, "encode", lambda column=column, folder=folder: column.lane.encode(column.work, folder)):
                column.encoded = folder
    folders = [STREAMS, *(column.encoded for column in columns if column.encoded)]
    for column in columns:
        if not column.reason and not column.failure:
            attempt(column, "decode", lambda column=column: setattr(column, "observation", decode(column, folders)))


def decode(column: Column, folders: Sequence[Path]) -> Observation:
    """Return what a lane makes of the folders."""
    return column.lane.decode(column.work, folders)


def attempt(column: Column, what: str, do: Callable[[], object]) -> bool:
    """Do something in a lane, note why it cannot be done, and say how long it took."""
    begin = time.monotonic()
    column.work.mkdir(parents=True, exist_ok=True)
    try:
        do()
    except NotRun as error:
        column.reason = str(error)
    except (Failed, AssertionError, OSError) as error:
        column.failure = str(error) or type(error).__name__
    said = column.reason or column.failure or f"{time.monotonic() - begin:.1f} s"
    print(f"{column.lane.name}: {what}: {said.splitlines()[-1]}", file=sys.stderr)
    return not column.reason and not column.failure


def compare(columns: Sequence[Column]) -> list[Difference]:
    """Return every difference between what the lanes that ran observed and what is expected."""
    made = [("", STREAMS), *((column.lane.name, column.encoded) for column in columns if column.encoded)]
    found = []
    for column in columns:
        if column.observation:
            for encoder, folder in made:
                seen = column.observation["streams"].get(folder.name, {})
                found += [Difference(column.lane.name, encoder, *each) for each in differences(folder, seen)]
            refused = refused_differences(column.observation.get("refused", {}))
            found += [Difference(column.lane.name, "", f"{REFUSED_ROW}/{name}", what) for name, what in refused]
    return found


def cells(columns: Sequence[Column], found: Sequence[Difference]) -> dict[str, dict[str, dict[str, list[int]]]]:
    """Return, by row and lane, [equal, of] streams ``decoded`` and ``encoded``; nothing for lanes that did not run."""
    wrong: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for each in found:
        row = each.stream.partition("/")[0]
        lane, kind = (each.encoder, "encoded") if each.encoder else (each.decoder, "decoded")
        wrong[row, lane, kind].add(each.stream)
    rows: dict[str, dict[str, dict[str, list[int]]]] = defaultdict(lambda: defaultdict(dict))
    for column in columns:
        if not column.observation:
            continue
        name, refused = column.lane.name, column.observation.get("refused", {})
        sources = {"decoded": [*read_expected(STREAMS), *(f"{REFUSED_ROW}/{file}" for file in refused)]}
        if column.encoded:
            sources["encoded"] = list(read_expected(column.encoded))
        for kind, streams in sources.items():
            for row in sorted({stream.partition("/")[0] for stream in streams}):
                total = sum(stream.startswith(f"{row}/") for stream in streams)
                rows[row][name][kind] = [total - len(wrong[row, name, kind]), total]
    return rows


def as_json(columns: Sequence[Column], found: Sequence[Difference]) -> dict[str, Any]:
    """Return the matrix as JSON."""
    lanes = {
        column.lane.name: {
            "environment": column.observation.get("environment"),
            "not_run": column.reason or None,
            "failed": column.failure or None,
        }
        for column in columns
    }
    return {"lanes": lanes, "rows": cells(columns, found), "differences": [str(each) for each in found]}


def as_text(columns: Sequence[Column], found: Sequence[Difference]) -> str:
    """Return the matrix as text: a legend of lanes, a row for each architecture, and the differences."""
    letters, room = string.ascii_letters[: len(columns)], max(len(column.lane.name) for column in columns)
    legend = [
        f"{each}  {column.lane.name:<{room}}  {describe(column)}" for each, column in zip(letters, columns, strict=True)
    ]
    rows = cells(columns, found)
    names = sorted(rows, key=lambda row: row == REFUSED_ROW)  # stays last
    table = [[name, *(cell(rows[name].get(column.lane.name, {})) for column in columns)] for name in names]
    widths = [max(map(len, entries)) for entries in zip(["", *letters], *table, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in [["", *letters], *table]]
    made = [entry["stream"] for column in columns if column.encoded for entry in read_expected(column.encoded).values()]
    counted = (
        f"{len(read_expected(STREAMS))} conformance streams and {len(read_refused())} files to refuse, "
        f"{len(made)} streams encoded in the lanes ({len(set(made))} different ones): {len(found)} differences"
    )
    return "\n".join([*legend, "", *lines, "", counted, *map(str, found)])


def cell(counts: dict[str, list[int]]) -> str:
    """Return a cell: `7+5`, `6/7+5`, `7`, or `-` for a lane that did not run."""
    said = [str(total) if equal == total else f"{equal}/{total}" for equal, total in counts.values()]
    return "+".join(said) or "-"


def describe(column: Column) -> str:
    """Return what a lane is, or why there is nothing of it, in a line."""
    if column.reason or column.failure:
        return f"not run: {column.reason}" if column.reason else f"FAILED: {column.failure.splitlines()[-1]}"
    environment = column.observation["environment"]
    words = [str(environment[key]) for key in ("machine", "decoder") if key in environment]
    words += [f"{key} {environment[key]}" for key in ("python", "onnxruntime") if key in environment]
    return ", ".join(words)


if __name__ == "__main__":
    sys.exit(main())
