"""What both campaigns have in common: the command line, workers, and counting (docs/hostile-input.md)."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import native
from report import Summary
from watch import CRASH, HANG, WorkerError, watch

if TYPE_CHECKING:
    from collections.abc import Callable

Record = dict[str, Any]


@dataclass(frozen=True)
class Campaign:
    """What one campaign tries, seed by seed.

    Attributes:
        text: what it is, and how it is called.
        file: the program, which is its own worker.
        count: seeds unless told.
        groups: by which fields of records outcomes are counted.
        together: whether the models are taken in turns, or each gets all seeds.
        cpu_seconds, wall_seconds: as in `watch`.
        prepare: models to whatever `attempt` needs.
        attempt: tries one seed; gives a record with `seed`, `outcome`, `reached`, `seconds`, `grown` and `detail`.
        save: writes what a seed stands for to a path.
        wrong: says what is wrong with a record of an attempt that ended, if anything.
    """

    text: str
    file: str
    count: int
    groups: tuple[str, ...]
    together: bool
    cpu_seconds: float
    wall_seconds: float
    prepare: Callable[[list[str]], Any]
    attempt: Callable[[Any, int], Record]
    save: Callable[[Any, int, Path], None]
    wrong: Callable[[Record], str | None]

    def main(self) -> None:
        """Read the command line; run the campaign, one seed, or as a worker."""
        options = self._options()
        if options.first is not None:
            self._work(options.models, range(options.first, options.last))
        elif options.one is not None:
            self._one(options)
        else:
            try:
                sys.exit(self._run(options))
            except WorkerError as error:
                sys.exit(str(error))

    def _options(self) -> argparse.Namespace:
        parser = argparse.ArgumentParser(description=self.text, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("models", nargs="+", metavar="MODEL", help="names or directories of bundles")
        parser.add_argument("--count", type=int, default=self.count, help=f"how many seeds ({self.count})")
        parser.add_argument("--seed", type=int, default=0, help="the first one (0)")
        parser.add_argument("--plain", action="store_true", help="the native core as installed, without sanitizers")
        parser.add_argument("--one", type=int, metavar="SEED", help="try one seed, and say all of it")
        parser.add_argument("--save", type=Path, metavar="PATH", help="with --one: write what was tried")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write counts and worst cases")
        parser.add_argument("--first", type=int, help=argparse.SUPPRESS)
        parser.add_argument("--last", type=int, help=argparse.SUPPRESS)
        return parser.parse_args()

    def _run(self, options: argparse.Namespace) -> int:
        """Try all seeds in workers, and print a table for each run; 1 if anything happened that must not."""
        env = native.environment(None if options.plain else native.build())
        seeds = range(options.seed, options.seed + options.count)
        runs = {"all models": options.models} if self.together else {Path(each).name: [each] for each in options.models}
        summaries = {}
        for name, models in runs.items():
            summaries[name] = summary = Summary(self.groups)
            command = (sys.executable, self.file, *models)
            limits = {"cpu_seconds": self.cpu_seconds, "wall_seconds": self.wall_seconds}
            for record in watch(command, seeds, **limits, env=env):
                if record["outcome"] == CRASH and "allocator is out of memory" in record["detail"]:
                    # A sanitizer cannot fail `new` with an exception. Without sanitizers the seed has to be refused.
                    record["outcome"] = "no memory"
                summary.add(record, self._judge(record))
                if sys.stderr.isatty() and summary.total % 100 == 0:
                    print(f"\r{name}: {summary.total:,} of {len(seeds):,} ", end="", file=sys.stderr, flush=True)
            print(summary.table(name), flush=True)
        if options.json:
            counts = {name: summary.as_json() for name, summary in summaries.items()}
            options.json.write_text(json.dumps(counts, indent=1) + "\n")
        return 1 if any(summary.failures for summary in summaries.values()) else 0

    def _judge(self, record: Record) -> str | None:
        outcome = record["outcome"]
        if outcome in (CRASH, HANG) or outcome.startswith("escaped"):
            return f"{outcome}: {record['detail']}"
        return self.wrong(record) if "reached" in record else None

    def _work(self, models: list[str], seeds: range) -> None:
        """Be a worker: see watch.py."""
        native.use()
        state = self.prepare(models)
        with os.fdopen(os.dup(sys.stdout.fileno()), "w") as records:  # libraries may have something to print, too
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
            print("ready", file=records, flush=True)
            for seed in seeds:
                print(json.dumps(self.attempt(state, seed)), file=records, flush=True)

    def _one(self, options: argparse.Namespace) -> None:
        if not options.plain:  # once more, with the sanitizers loaded
            env = native.environment(native.build())
            os.execve(sys.executable, [sys.executable, *sys.argv, "--plain"], env)
        native.use()
        state = self.prepare(options.models)
        if options.save:
            self.save(state, options.one, options.save)
        print(json.dumps(self.attempt(state, options.one), indent=1))
