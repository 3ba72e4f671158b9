"""Power, clocks and temperatures of a Jetson, from the lines that NVIDIA's `tegrastats` prints.

Understood are those of JetPack 5, 6 and 7 (NVIDIA's Jetson Linux Developer Guide, "tegrastats Utility"), which differ:

    GR3D_FREQ 12%@1300        12%@[1300,1300]       @[314,314,314]          one GPU clock, one for each part, no load
    cpu@52.5C                 cpu@34.3C/34.8C                               now; now and highest
    VDD_IN 4761mW/4777mW      VDD_GPU 4925mW/4925mW/4925mW                  now and mean; now, mean, and highest

Only the first number of each is used. Untested on hardware: written against recorded lines.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from licrt.runtime.meters.meter import NoMeterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INTERVAL_MS = 100
PATIENCE_SECONDS = 3.0  # for the first line
OFF = -256.0  # what a sensor says that is switched off

_RAIL = re.compile(r"\b([A-Z][A-Z0-9_]+) (\d+)mW")
_TEMPERATURE = re.compile(r"\b([A-Za-z]\w*)@(-?\d+(?:\.\d+)?)C")
_CPUS = re.compile(r"\bCPU \[([^\]]*)\]")
_GPU = re.compile(r"\bGR3D_FREQ (?:(\d+)%)?(?:@\[?([\d,]+))?")
_MEMORY = re.compile(r"\bRAM (\d+)/(\d+)MB")


@dataclass(frozen=True)
class Sample:
    """What one line says. What it does not say is empty or None.

    Attributes:
        milliwatts: power of each rail at that moment.
        celsius: temperature of each sensor that is switched on.
        cpu_mhz: clock of each core that is switched on.
        gpu_percent, gpu_mhz: load of the GPU, and the clock of each of its parts.
        ram_mb: memory in use.
    """

    milliwatts: Mapping[str, int]
    celsius: Mapping[str, float]
    cpu_mhz: tuple[int, ...]
    gpu_percent: int | None
    gpu_mhz: tuple[int, ...]
    ram_mb: int | None


def parse(line: str) -> Sample:
    """Read a line.

    >>> sample = parse("RAM 775/7620MB CPU [0%@729,off] GR3D_FREQ 3%@[306,306] tj@49.2C VDD_IN 4761mW/4777mW")
    >>> sample.milliwatts, sample.celsius, sample.cpu_mhz, sample.gpu_percent, sample.gpu_mhz
    ({'VDD_IN': 4761}, {'tj': 49.2}, (729,), 3, (306, 306))
    """
    cpus, gpu, memory = _CPUS.search(line), _GPU.search(line), _MEMORY.search(line)
    celsius = {name: float(value) for name, value in _TEMPERATURE.findall(line)}
    return Sample(
        milliwatts={name: int(value) for name, value in _RAIL.findall(line)},
        celsius={name: value for name, value in celsius.items() if value > OFF},
        cpu_mhz=_clocks(cpus.group(1)) if cpus else (),
        gpu_percent=int(gpu.group(1)) if gpu and gpu.group(1) else None,
        gpu_mhz=tuple(int(clock) for clock in gpu.group(2).split(",") if clock) if gpu and gpu.group(2) else (),
        ram_mb=int(memory.group(1)) if memory else None,
    )


def input_rail(rails: Sequence[str]) -> str | None:
    """Return the rail that carries everything: `VDD_IN` of Orin NX and Nano, `VIN` of Thor. AGX Orin has none.

    >>> input_rail(["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"]), input_rail(["VDD_IN", "VDD_SOC"])
    (None, 'VDD_IN')
    """
    return next((rail for rail in ("VDD_IN", "VIN") if rail in rails), None)


class Tegrastats:
    """A running `tegrastats`. Energy is power, held until the next line, times time.

    Raises:
        NoMeterError: there is no such program, or it prints no power.
    """

    def __init__(self, program: str = "tegrastats") -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603
                [program, "--interval", str(INTERVAL_MS)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                errors="replace",
                start_new_session=True,  # an interrupt is for us alone
            )
        except OSError as error:
            raise NoMeterError(f"{program} cannot be run: {error.strerror}") from error
        self._lock = threading.Lock()
        self._changed = time.perf_counter()
        self._last: Sample | None = None
        self._joules: dict[str, float] = {}
        self._samples: list[Sample] = []
        self._begun = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._begun.wait(PATIENCE_SECONDS)
        if not any(sample.milliwatts for sample in self._samples):
            self.close()
            raise NoMeterError(f"{program} prints no power within {PATIENCE_SECONDS:.0f} s")

    def joules(self) -> Mapping[str, float]:
        """Return the joules of each rail since the first line."""
        with self._lock:
            self._add_up()
            return dict(self._joules)

    def summary(self) -> Mapping[str, Any]:
        """Return what the lines say together: highest temperatures, mean powers, and the ranges of the clocks."""
        with self._lock:
            samples = list(self._samples)
        return summarise(samples)

    def close(self) -> None:
        """Stop the program."""
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            sample = parse(line)
            with self._lock:
                self._add_up()
                self._last = sample
                self._samples.append(sample)
            self._begun.set()
        self._begun.set()  # it ended

    def _add_up(self) -> None:
        now = time.perf_counter()
        if self._last:
            for rail, milliwatts in self._last.milliwatts.items():
                self._joules[rail] = self._joules.get(rail, 0.0) + 1e-3 * milliwatts * (now - self._changed)
        self._changed = now


def summarise(samples: Sequence[Sample]) -> dict[str, Any]:
    """Return the highest temperatures, mean powers in watts, and ranges of the clocks of some samples."""
    sensors = {name for sample in samples for name in sample.celsius}
    rails = {name for sample in samples for name in sample.milliwatts}
    return {
        "samples": len(samples),
        "highest_celsius": {
            name: max(s.celsius[name] for s in samples if name in s.celsius) for name in sorted(sensors)
        },
        "mean_watts": {
            name: 1e-3 * sum(s.milliwatts.get(name, 0) for s in samples) / len(samples) for name in sorted(rails)
        },
        "cpu_mhz": _range([clock for sample in samples for clock in sample.cpu_mhz]),
        "gpu_mhz": _range([clock for sample in samples for clock in sample.gpu_mhz]),
    }


def _range(clocks: Sequence[int]) -> dict[str, int] | None:
    return {"lowest": min(clocks), "highest": max(clocks)} if clocks else None


def _clocks(cores: str) -> tuple[int, ...]:
    clocks = (core.partition("@")[2] for core in cores.split(","))
    return tuple(int(clock) for clock in clocks if clock.isdigit())
