"""Energy of the processor as it counts itself: RAPL, through Linux' powercap (Documentation/power/powercap in Linux).

Each zone is a directory with `name`, `energy_uj`, and `max_energy_range_uj`, beyond which the count starts again at 0.
Zones nest: `package-0` includes what `package-0/dram` and `package-0/core` say. Since 2020 only root may read them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from licrt.runtime.meters.meter import NoMeterError

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path("/sys/class/powercap")


class Rapl:
    """Adds up what the zones count, across restarts of their counters.

    Raises:
        NoMeterError: there are no zones, or they may not be read.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._zones = {_name(folder, path): path for path in sorted(folder.glob("intel-rapl:*"))}
        if not self._zones:
            raise NoMeterError(f"no zones in {folder}")
        try:
            self._ranges = {name: _number(path / "max_energy_range_uj") for name, path in self._zones.items()}
            self._last = self._counts()
        except PermissionError as error:
            raise NoMeterError(f"no permission to read {error.filename}; root has it") from error
        except (OSError, ValueError) as error:
            raise NoMeterError(f"cannot read {folder}: {error}") from error
        self._used = dict.fromkeys(self._zones, 0)

    def joules(self) -> Mapping[str, float]:
        """Return the joules of each zone since the meter was opened; to be called more often than counters restart."""
        counts = self._counts()
        for name, count in counts.items():
            restarted = self._ranges[name] if count < self._last[name] else 0
            self._used[name] += count - self._last[name] + restarted
        self._last = counts
        return {name: 1e-6 * used for name, used in self._used.items()}

    def close(self) -> None:
        """Nothing is held."""

    def _counts(self) -> dict[str, int]:
        return {name: _number(path / "energy_uj") for name, path in self._zones.items()}


def _name(folder: Path, zone: Path) -> str:
    """Return a zone's name behind that of the zone around it: `intel-rapl:0:1` lies in `intel-rapl:0`."""
    parts = zone.name.split(":")
    around = [folder / ":".join(parts[:depth]) for depth in range(2, len(parts) + 1)]
    return "/".join(_text(path / "name") for path in around)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return path.parent.name


def _number(path: Path) -> int:
    return int(path.read_text(encoding="utf-8"))
