"""All meters of energy that this machine has."""

from __future__ import annotations

from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from licrt.runtime.meters.meter import NoMeterError
from licrt.runtime.meters.nvml import Nvml
from licrt.runtime.meters.rapl import Rapl
from licrt.runtime.meters.tegrastats import Tegrastats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from licrt.runtime.meters.meter import Meter

KINDS: Mapping[str, Callable[[], Meter]] = {"tegrastats": Tegrastats, "nvml": Nvml, "rapl": Rapl}


@dataclass(frozen=True)
class Meters:
    """Meters by name, and of the others why they are missing."""

    found: Mapping[str, Meter]
    missing: Mapping[str, str]

    def joules(self) -> dict[str, float]:
        """Return the joules of everything that is metered, by the names of meter and part, since opening."""
        return {
            f"{name} {part}": joules for name, meter in self.found.items() for part, joules in meter.joules().items()
        }

    def gpu_memory(self) -> dict[str, int]:
        """Return the bytes in use on each GPU that a meter knows, by everything that runs there."""
        return {
            device: used
            for meter in self.found.values()
            if isinstance(meter, Nvml)
            for device, used in meter.memory().items()
        }

    def watched(self) -> Mapping[str, Any] | None:
        """Return what `tegrastats` has said, if it runs."""
        return next((meter.summary() for meter in self.found.values() if isinstance(meter, Tegrastats)), None)


@contextmanager
def open_meters(kinds: Mapping[str, Callable[[], Meter]] = KINDS) -> Iterator[Meters]:
    """Open every meter that is here.

    >>> with open_meters({}) as meters:
    ...     meters.joules()
    {}
    """
    found: dict[str, Meter] = {}
    missing: dict[str, str] = {}
    with ExitStack() as stack:
        for name, kind in kinds.items():
            try:
                found[name] = stack.enter_context(closing(kind()))
            except NoMeterError as reason:
                missing[name] = str(reason)
        yield Meters(found, missing)


@contextmanager
def metered(meters: Meters) -> Iterator[dict[str, float]]:
    """Fill a dict with the joules that everything metered used inside."""
    used: dict[str, float] = {}
    before = meters.joules()
    yield used
    used.update({name: joules - before.get(name, 0.0) for name, joules in meters.joules().items()})
