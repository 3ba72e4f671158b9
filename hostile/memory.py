"""How much memory a piece of work takes at its peak, as Linux counts it: resident pages of the whole process."""

from __future__ import annotations

from pathlib import Path

_STATUS, _REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Peak:
    """The peak since this was made, above what the process held then; None where /proc cannot tell."""

    def __init__(self) -> None:
        self._before = None
        try:
            _REFS.write_text("5")  # the peak is what there is now: proc(5)
            self._before = _kibibytes("VmRSS")
        except OSError:
            pass

    def grown(self) -> int | None:
        """Return the growth in KiB."""
        return None if self._before is None else max(_kibibytes("VmHWM") - self._before, 0)


def _kibibytes(field: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1])
