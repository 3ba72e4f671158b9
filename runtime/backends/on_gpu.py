"""What all backends of a GPU have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self  # Python 3.10 has none of its own; only type checkers read this

    from licrt.runtime.backends.driver import Device


class OnGpu:
    """A backend whose sessions run on a GPU, whichever thread calls them; `threads` are for what it leaves to the CPU.

    Args:
        engine, version, provider: for reports.
        device: that it runs on.
        threads: of one run.
    """

    accelerated = True

    def __init__(self, engine: str, version: str, provider: str, device: Device, threads: int) -> None:
        self._threads = threads
        self._described: Mapping[str, str | int] = {
            "engine": engine,
            "version": version,
            "provider": provider,
            "device": device.name,
            "compute capability": device.capability,
            "threads": threads,
        }

    def describe(self) -> Mapping[str, str | int]:
        """Engine, version, provider, device and threads."""
        return self._described

    def shared_by(self, callers: int) -> Self:  # noqa: ARG002
        """Return this one: its sessions do not run on CPUs."""
        return self
