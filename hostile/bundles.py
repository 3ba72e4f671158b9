"""Loads changed bundles, encodes and decodes with them, and tells what became of each (docs/hostile-input.md).

    python hostile/bundles.py MODEL … --count 2000            # the native core under sanitizers
    python hostile/bundles.py MODEL … --count 2000 --plain    # as installed, with 4 GiB of memory
    python hostile/bundles.py MODEL … --one SEED [--save DIR] # one bundle again

Hashes and the model id always fit, as far as there is something to hash. What a changed bundle may do: be refused with
an error of licrt, or work, and then decode what it encoded.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import memory
import native
import report
from watch import CRASH, HANG, watch

if TYPE_CHECKING:
    import numpy as np
    from drafts import Draft

CPU_SECONDS, WALL_SECONDS = 10.0, 120.0
MEMORY_BYTES = 4 << 30
_SIDE = 40


@dataclass(frozen=True)
class Bystander:
    """A whole bundle, and a stream that was made with it."""

    directory: Path
    stream: bytes


def main() -> None:
    """Read the command line; run a campaign, one seed, or as a worker."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="directories of bundles, which are taken in turns")
    parser.add_argument("--count", type=int, default=2000, help="changed bundles in all")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--plain", action="store_true", help="the native core as installed, without sanitizers")
    parser.add_argument("--one", type=int, metavar="SEED", help="try one seed in this process, and say all of it")
    parser.add_argument("--save", type=Path, metavar="DIR", help="with --one: where the bundle goes, which stays there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts and worst cases")
    parser.add_argument("--first", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--last", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first is not None:
        work(options.models, range(options.first, options.last))
    elif options.one is not None:
        tell_one(options.models, options.one, options.save)
    else:
        sys.exit(campaign(options))


def campaign(options: argparse.Namespace) -> int:
    """Try all seeds in workers and print a table; 1 if anything happened that must not."""
    extension = None if options.plain else native.build(native.ROOT / "build" / "sanitised")
    env = native.environment(extension)
    summary = report.Summary(("part", "mutation"))
    command = (sys.executable, __file__, *options.models)
    seeds = range(options.seed, options.seed + options.count)
    for record in watch(command, seeds, cpu_seconds=CPU_SECONDS, wall_seconds=WALL_SECONDS, env=env):
        if record["outcome"] == CRASH and "allocator is out of memory" in record["detail"]:
            # A sanitizer cannot fail `new` with an exception. Without sanitizers the same seed has to be refused.
            record["outcome"] = "no memory"
        summary.add(record, wrong(record))
    print(summary.table("bundles"), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"bundles": summary.as_json()}, indent=1) + "\n")
    return 1 if summary.failures else 0


def wrong(record: dict[str, Any]) -> str | None:
    """Say what is wrong with an outcome, if anything."""
    outcome = record["outcome"]
    if outcome in (CRASH, HANG) or outcome.startswith("escaped"):
        return f"{outcome}: {record['detail']}"
    if record.get("reached") == "own stream" and outcome in ("MismatchError", "FormatError"):
        return f"it does not decode what it encoded: {record['detail']}"
    return None


def work(models: list[str], seeds: range) -> None:
    """Be a worker: see watch.py."""
    bystanders = prepare(models)
    print("ready", flush=True)
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(attempt(bystanders, seed, Path(folder))), flush=True)


def prepare(models: list[str]) -> list[Bystander]:
    """Limit the memory of this process, and encode a picture with each model."""
    native.use()
    if not native.sanitised():  # they need all addresses that there are, and have a limit of their own
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    return [_bystander(model) for model in models]


def tell_one(models: list[str], seed: int, folder: Path | None) -> None:
    """Try one seed, and print all of its record."""
    bystanders = prepare(models)
    if folder:
        folder.mkdir(parents=True)
        print(json.dumps(attempt(bystanders, seed, folder), indent=1))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            print(json.dumps(attempt(bystanders, seed, Path(temporary)), indent=1))


def hostile(directory: Path, seed: int) -> tuple[str, str, Draft]:
    """Return which part of a bundle is changed, how, and the result."""
    import drafts
    import graph_mutations
    import manifest_mutations
    import tensor_mutations

    draft, random = drafts.read(directory), Random(seed)
    part = ("manifest", "tensors", "graphs")[seed % 3]
    if part == "graphs":
        change = random.choice((*graph_mutations.CHANGES, graph_mutations.octets, graph_mutations.roles))
        if change in graph_mutations.CHANGES:
            graph_mutations.graph(random, draft, change)
        else:
            change(random, draft)
    else:
        module = manifest_mutations if part == "manifest" else tensor_mutations
        change = random.choice(module.MUTATIONS)
        change(random, draft)
    return part, change.__name__, draft


def attempt(bystanders: list[Bystander], seed: int, folder: Path) -> dict[str, Any]:
    """Load a hostile bundle and work with it as far as it goes, and tell what came of it."""
    import drafts

    from licrt.runtime.errors import LicrtError

    bystander = bystanders[seed // 3 % len(bystanders)]
    part, mutation, draft = hostile(bystander.directory, seed)
    drafts.write(draft, folder)
    stages: list[str] = []
    outcome, detail = "works", ""
    peak = None if native.sanitised() else memory.Peak()
    begin = time.process_time()
    try:
        use(folder, bystander.stream, stages)
    except LicrtError as error:
        outcome, detail = type(error).__name__, str(error)
    except BaseException as error:  # whatever it is, it must not come out of the runtime
        outcome, detail = f"escaped {type(error).__name__}", str(error)
    return {
        "seed": seed,
        "part": part,
        "mutation": mutation,
        "outcome": outcome,
        "reached": stages[-1],
        "seconds": round(time.process_time() - begin, 4),
        "grown": peak and peak.grown(),
        "detail": detail[:500],
    }


def use(folder: Path, stream: bytes, stages: list[str]) -> None:
    """Do with a bundle what anybody does: describe it, encode with it, and decode its own and another's stream."""
    from licrt.runtime import Codec
    from licrt.runtime.bundle import load_bundle
    from licrt.runtime.errors import LicrtError
    from licrt.runtime.flat import flatten
    from licrt.runtime.models import describe

    stages.append("load")
    codec = Codec.load(folder, threads=1)
    describe(load_bundle(folder))
    stages.append("flatten")
    flatten(load_bundle(folder))
    stages.append("encode")
    refused = None
    try:
        own = codec.encode(_picture())
    except LicrtError as error:  # its decoder is tried all the same
        refused = error
    else:
        stages.append("own stream")
        codec.decode_image(own)
    stages.append("another's stream" if refused is None else "another's stream after no encode")
    codec.decode_image(_addressed(stream, codec.info.id))
    if refused is not None:
        raise refused


def _bystander(model: str) -> Bystander:
    from licrt.runtime import Codec
    from licrt.runtime.models import find

    return Bystander(find(model), Codec.load(model, threads=1).encode(_picture()))


def _picture() -> np.ndarray:
    import numpy as np

    rows, columns = np.mgrid[:_SIDE, : _SIDE + 9]
    return np.stack([rows * 5, columns * 4, (rows * columns) % 256], axis=-1).astype(np.uint8)


def _addressed(stream: bytes, model: str) -> bytes:
    """Return a stream that names another model, with a header CRC that fits."""
    from seal import seal

    return seal(stream[:24] + bytes.fromhex(model) + stream[40:])


if __name__ == "__main__":
    main()
