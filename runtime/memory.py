"""How much memory a process may still take, so that pictures which cannot fit are refused before work on them begins.

Linux tells: limits of the process (`ulimit -v`, `-d`), of its control groups (containers), and what the machine has
left. Elsewhere nothing is known, nothing is refused, and an allocation that fails says so when it does.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from licrt.runtime.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_SMALL = 32 << 20  # what is not worth asking the system for
_SLACK = 64 << 20  # allocators may have reserved some, and the system's own estimates are cautious


class Room(NamedTuple):
    """Bytes that may still be taken, and who sets that limit."""

    size: float
    limit: str


def expect_memory(need: int, what: str) -> None:
    """Raise PictureError if so many bytes more than what this process has already are not to be had.

    Args:
        need: a lower bound, so that nothing is refused which would have worked.
        what: what needs them, for the message.

    >>> expect_memory(1 << 50, "decoding")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    licrt.runtime.errors.PictureError: decoding takes at least 1,073,741,824 MiB of memory, and ... leaves ...
    """
    if need < _SMALL:
        return
    room = available()
    if need > room.size + _SLACK:
        raise PictureError(
            f"{what} takes at least {need >> 20:,} MiB of memory, and {room.limit} leaves "
            f"{max(room.size, 0) / 2**20:,.0f} MiB. Use a smaller picture, or give this process more"
        )


def available() -> Room:
    """Return the most that this process can still take; infinite where the system does not say.

    Whatever may help is counted: memory that the process has and might reuse, swap, and caches of the system.

    >>> available().size > 0
    True
    """
    own, machine = _sizes(_PROC / "self/status"), _sizes(_PROC / "meminfo")
    swap = machine.get("SwapFree", 0)
    left = Room(machine.get("MemAvailable", math.inf) + swap, "this machine")
    size, limit = min([left, *_process_limits(own), *_group_limits(swap)])
    return Room(size + own.get("RssAnon", 0), limit)


def _process_limits(own: dict[str, int]) -> Iterator[Room]:
    """Yield what the limits of this process leave of address space and of data."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    for kind, used, name in (
        (resource.RLIMIT_AS, "VmSize", "its limit of address space (ulimit -v)"),
        (resource.RLIMIT_DATA, "VmData", "its limit of data (ulimit -d)"),
    ):
        most = resource.getrlimit(kind)[0]
        if most != resource.RLIM_INFINITY and used in own:
            yield Room(most - own[used], name)


def _group_limits(swap: int) -> Iterator[Room]:
    """Yield what the limits of this process's control groups leave: `memory.max` of version 2, and version 1."""
    for line in _read(_PROC / "self/cgroup").splitlines():
        number, controllers, name = line.split(":", 2)
        if number != "0" and "memory" not in controllers.split(","):
            continue
        root = _CGROUPS if number == "0" else _CGROUPS / "memory"
        group = root / name.lstrip("/")
        # A container may see its own group as the root, whatever the name says.
        for folder in (group, *(parent for parent in group.parents if parent.is_relative_to(root))):
            usage = dict(line.partition(" ")[::2] for line in _read(folder / "memory.stat").splitlines())
            most = _read(folder / "memory.max").strip() or usage.get("hierarchical_memory_limit", "max")
            used = usage.get("anon", usage.get("total_rss", "0"))
            if most.isdigit() and used.isdigit():
                yield Room(int(most) - int(used) + swap, "the memory limit of its control group (container)")


def _sizes(path: Path) -> dict[str, int]:
    """Return the lines of a file of `/proc` that give sizes, in bytes."""
    fields = (line.split() for line in _read(path).splitlines())
    return {field[0].rstrip(":"): int(field[1]) << 10 for field in fields if field[2:] == ["kB"]}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # another system, or one that keeps it to itself
        return ""
