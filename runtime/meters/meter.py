"""What a meter of energy is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class NoMeterError(Exception):
    """Why a meter cannot be read here, in a few words."""


class Meter(Protocol):
    """Something that counts energy while it is open."""

    def joules(self) -> Mapping[str, float]:
        """Return what each part of the machine has used since the meter was opened."""
        ...

    def close(self) -> None:
        """Release what the meter holds."""
        ...
