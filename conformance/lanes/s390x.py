"""IBM Z as qemu emulates it, whose bytes are in the other order: the core alone, as examples/c uses it.

Nothing is encoded here: the core's own tests write streams there, and hold them against the bytes of other machines
(tests/runtime/native/test_programs.py).
"""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

from conformance.lanes import Lane, NotRun, Observation
from conformance.lanes.c_decoder import decode_with

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_TOOLS = ("s390x-linux-gnu-gcc", "s390x-linux-gnu-g++", "qemu-s390x-static")


def _decode(threads: str, work: Path, folders: Sequence[Path]) -> Observation:
    from references.programs import cross, qemu

    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise NotRun(f"{missing[0]} is missing; install Debian's g++-s390x-linux-gnu and qemu-user-static")
    program = cross(work / "build", "s390x", targets=("decode",)) / "decode"
    observation = decode_with((*qemu("s390x"), program, "-j", threads), work, folders)
    observation["environment"] |= {"machine": "s390x", "byte_order": "big"}
    return observation


def _lane(threads: str) -> Lane:
    return Lane(f"s390x scalar {threads}", partial(_decode, threads[0]))


LANES = (_lane("1-thread"), _lane("2-threads"))
