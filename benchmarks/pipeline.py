"""Files to files: pictures one after the other beside several at a time, with as many threads in all.

    .venv/bin/python benchmarks/pipeline.py [--model MODEL …] [--threads N …] [--repeat N] [--json] [FOLDER]

Both do what `lic-run encode FOLDER` and `lic-run decode FOLDER` do once the model is loaded: PNG files to streams, and
streams to PNG files, all of FOLDER (default: Kodak's pictures). They take turns, and what is compared is of one turn.
With N threads at once, N pictures (8 at most) share them; one after the other, each picture has them all. Files that
both write have to be equal, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from licrt.runtime import Codec, machine
from licrt.runtime.cli import batch, decode, encode
from licrt.runtime.pipeline import workers_for
from licrt.runtime.timing import turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from licrt.runtime.cli.steps import Steps

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
WAYS = ("one after the other", "several at a time")


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DATA / "kodak")
    parser.add_argument("--model", nargs="+", default=["default"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--repeat", type=int, default=7, help="turns that count, after one that does not")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    arguments = parser.parse_args()
    pictures = sorted(arguments.folder.glob("*.png"))
    if not pictures:
        parser.error(f"there are no PNG files in {arguments.folder}")
    rows = []
    if not arguments.json:
        print(f"{machine.cpu_model()}, {os.cpu_count()} CPUs; load {os.getloadavg()[0]:.1f} before.")
        print(f"{len(pictures)} pictures of {arguments.folder.name}; medians of {arguments.repeat} turns.\n")
        print("| model | threads | direction | one after the other | several at a time | ratio (all turns) |")
        print("|---|---|---|---|---|---|")
    for model in arguments.model:
        for threads in arguments.threads:
            with tempfile.TemporaryDirectory() as folder:
                for row in compare(Codec.load(model, "cpu", threads), pictures, Path(folder), arguments.repeat):
                    rows.append(row)
                    if not arguments.json:
                        print(markdown(row), flush=True)
    print(json.dumps(rows) if arguments.json else f"\nLoad {os.getloadavg()[0]:.1f} after.")


def markdown(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    rates = " | ".join(f"{row[way]:.2f} pictures/s" for way in WAYS)
    ratio, least, most = row["ratio"]
    name = f"{row['model']} | {row['threads']} | {row['direction']}"
    return f"| {name} | {rates} | {ratio:.2f}× ({least:.2f}–{most:.2f}) |"


def compare(codec: Codec, pictures: Sequence[Path], folder: Path, repeat: int) -> Iterator[dict[str, Any]]:
    """Yield rows of one model and number of threads: pictures per second; median, least and largest ratio."""
    several = workers_for(codec.threads)
    workers = dict(zip(WAYS, (1, several), strict=True))
    folders = {way: folder / str(number) for number, way in enumerate(WAYS)}
    for place in folders.values():
        place.mkdir()

    def run(way: str, sources: Sequence[Path], suffix: str, steps: Callable[[int], Steps[Any, Any]]) -> None:
        items = [batch.Item(str(path), str(folders[way] / f"{path.stem}{suffix}")) for path in sources]
        batch.run(items, lambda: steps(workers[way]), Path, force=True, quiet=True)

    streams = [folders[WAYS[0]] / f"{path.stem}.lci" for path in pictures]
    directions: dict[str, tuple[Sequence[Path], str, Callable[[int], Steps[Any, Any]]]] = {
        "PNG to stream": (pictures, ".lci", lambda count: encode.steps(codec, encode.Options(force=True), count)),
        "stream to PNG": (
            streams,
            ".png",
            lambda count: decode.steps(lambda _: codec, decode.Options(force=True), count),
        ),
    }
    for name, (sources, suffix, steps) in directions.items():
        times = turns({way: lambda way=way: run(way, sources, suffix, steps) for way in WAYS}, repeat, 1)  # noqa: B023
        for path in sources:
            one, other = ((folders[way] / f"{path.stem}{suffix}").read_bytes() for way in WAYS)
            if one != other:
                raise SystemExit(f"{path.stem}{suffix} is not the same {several} at a time")
        rates = {way: len(sources) / statistics.median(turn[way] for turn in times) for way in WAYS}
        ratios = [turn[WAYS[0]] / turn[WAYS[1]] for turn in times]
        spread = (statistics.median(ratios), min(ratios), max(ratios))
        yield {"model": codec.info.name, "threads": codec.threads, "direction": name, **rates, "ratio": spread}


if __name__ == "__main__":
    main()
