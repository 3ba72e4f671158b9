"""Lanes: environments that decode the conformance streams, and most of them encode pictures, too.

A file here is a few lanes: its `LANES`, a tuple of `Lane`, which `matrix.py` finds. Nothing is prepared when a file is
imported. A lane's functions get a folder to work in, which the lanes of a file share and which is kept from run to run
(virtual environments, compiled programs). They raise `NotRun` where a tool is missing and `Failed` where one fails.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
OBSERVE = ROOT / "conformance" / "observe.py"
sys.path.insert(0, str(ROOT / "tests"))  # `references`: environments and programs, as the tests make them

Observation = dict[str, Any]
"""What `observe.py` prints.

``streams`` has, by name of the folder and then by ``ARCH/NAME``, an entry with ``stream`` (SHA-256 of the file),
``latents``, and whatever else of `expected.json` the lane can tell, or an ``error``; of a digest, ``crc32`` is enough.
``refused``, there if the conformance streams are among the folders, has ``exit_code`` by file, but for those that the
lane cannot judge. ``environment`` is for people.
"""


class NotRun(Exception):
    """A lane cannot run here; says in a line what is missing and how to get it."""


class Failed(Exception):
    """A lane could not finish; says in a line why."""


@dataclass(frozen=True)
class Lane:
    """One column of the matrix.

    Attributes:
        name: words from the general to the special, ``x86-64 avx2 2-threads``.
        decode: from a folder to work in, and folders of streams, to what they decode to.
        encode: from a folder to work in, and a folder that is not there yet, to nothing: makes it, and writes streams
            there as `observe.py --encode` does. None where there is no encoder.
    """

    name: str
    decode: Callable[[Path, Sequence[Path]], Observation]
    encode: Callable[[Path, Path], None] | None = None


def all_lanes() -> Iterator[tuple[str, Lane]]:
    """Yield the lanes of all files, each with its file's name."""
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        for lane in importlib.import_module(f"{__name__}.{name}").LANES:
            yield name, lane


def run(*command: str | Path) -> str:
    """Return what a program prints; raise Failed, with its last line of complaint, where it fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        complaint = done.stderr.strip().splitlines() or ["no complaint"]
        raise Failed(f"{Path(command[0]).name} ended with {done.returncode}: {complaint[-1]}")
    return done.stdout


def python_lane(name: str, interpreter: Callable[[Path], Sequence[str | Path]], *options: str) -> Lane:
    """Return a lane that runs `observe.py`.

    Args:
        name: the lane's.
        interpreter: from the folder to work in to the words that start a Python which has the runtime.
        options: of `observe.py`.
    """

    def decode(work: Path, folders: Sequence[Path]) -> Observation:
        observation: Observation = json.loads(run(*interpreter(work), OBSERVE, *options, *folders))
        return observation

    def encode(work: Path, folder: Path) -> None:
        run(*interpreter(work), OBSERVE, *options, "--encode", folder)

    return Lane(name, decode, encode)
