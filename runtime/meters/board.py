"""What a report must say about the board: the machine, its software, and the state that decides how fast it is.

Reads files and asks programs; changes nothing. What is not there is None. Written for Jetsons, harmless elsewhere;
untested on hardware.
"""

from __future__ import annotations

import platform
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGES = ("nvidia-jetpack", "nvidia-l4t-core", "nvidia-l4t-cuda", "libnvinfer10", "libcudnn9-cuda-12")
SECONDS = 20  # for any program
JETPACKS = {"35": "5", "36": "6", "38": "7", "39": "7"}  # by the major version of L4T
_COOLERS = "sys/class/thermal/cooling_device*"


def board(root: Path = Path("/")) -> dict[str, object]:
    """Return what does not change while the kit runs.

    Args:
        root: the folder that has proc, sys and etc; another one in tests.
    """
    release = read(root / "etc/nv_tegra_release")
    return {
        "model": read(root / "proc/device-tree/model"),
        "l4t": release,
        "l4t_version": l4t_version(release or ""),
        "jetpack": JETPACKS.get((l4t_version(release or "") or "").partition(".")[0]),
        "packages": {name: ask("dpkg-query", "--show", "--showformat=${Version}", name) for name in PACKAGES},
        "power_mode": ask("nvpmodel", "-q"),
        "governors": per_file(root, "sys/devices/system/cpu/cpufreq/policy*/scaling_governor"),
        "lowest_frequencies_khz": per_file(root, "sys/devices/system/cpu/cpufreq/policy*/scaling_min_freq"),
        "highest_frequencies_khz": per_file(root, "sys/devices/system/cpu/cpufreq/policy*/scaling_max_freq"),
        "devices": per_file(root, "sys/class/devfreq/*/governor"),
        "highest_device_frequencies_hz": per_file(root, "sys/class/devfreq/*/max_freq"),
        "cpus_online": read(root / "sys/devices/system/cpu/online"),
        "cpu_features": field(root / "proc/cpuinfo", "Features"),
        "memory": field(root / "proc/meminfo", "MemTotal"),
        "system": field(root / "etc/os-release", "PRETTY_NAME", "="),
        "kernel": f"{platform.release()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()) or None,
        "python": platform.python_version(),
    }


def state(root: Path = Path("/")) -> dict[str, object]:
    """Return what changes while it works. Temperatures are in thousandths of a degree Celsius, by zone.

    `throttling` are counts of over-current events (Jetson) and of throttling (x86), and the states of what cools by
    slowing down, 0 for not at all. Fans are left out.
    """
    zones = sorted((root / "sys/class/thermal").glob("thermal_zone*"))
    counts = (
        *root.glob("sys/class/hwmon/*/oc*_event_cnt"),
        *root.glob("sys/devices/system/cpu/cpu*/thermal_throttle/*_count"),
    )
    throttling = {str(path.relative_to(root)): number(path) for path in sorted(counts)}
    for cooler in sorted(root.glob(_COOLERS)):
        if "fan" not in (kind := read(cooler / "type") or "").lower():
            throttling[f"{cooler.name} {kind}"] = number(cooler / "cur_state")
    return {
        "temperatures": {f"{zone.name} {read(zone / 'type')}": number(zone / "temp") for zone in zones} or None,
        "frequencies_khz": per_file(root, "sys/devices/system/cpu/cpufreq/policy*/scaling_cur_freq"),
        "device_frequencies_hz": per_file(root, "sys/class/devfreq/*/cur_freq"),
        "throttling": throttling or None,
        "available_memory": field(root / "proc/meminfo", "MemAvailable"),
        "load": read(root / "proc/loadavg"),
    }


def is_jetson(found: Mapping[str, object]) -> bool:
    """Whether `board` found a Jetson."""
    return found["l4t"] is not None


def l4t_version(release: str) -> str | None:
    """Return the version of L4T that the first line of `/etc/nv_tegra_release` names.

    >>> l4t_version("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64")
    '36.4.3'
    """
    match = re.match(r"# R(\d+) \(release\), REVISION: ([\d.]+)", release)
    return f"{match.group(1)}.{match.group(2)}" if match else None


def throttled(before: Mapping[str, object], after: Mapping[str, object]) -> list[str] | None:
    """Return what slowed the machine down between two states: counts that grew, and what cools by slowing down now.

    None where nothing is counted, so that nothing can be said.
    """
    first, last = before["throttling"], after["throttling"]
    if not isinstance(first, dict) or not isinstance(last, dict):
        return None
    return [
        name
        for name, value in last.items()
        if (value or 0) > (0 if name.startswith("cooling_device") else first.get(name) or 0)
    ]


def read(path: Path) -> str | None:
    """Return the text of a small file."""
    try:
        return path.read_bytes().decode(errors="replace").strip("\0 \n") or None
    except OSError:  # thermal zones that are switched off refuse to be read
        return None


def number(path: Path) -> int | None:
    """Return the number in a file."""
    text = read(path)
    return int(text) if text and text.lstrip("-").isdigit() else None


def per_file(root: Path, pattern: str) -> dict[str, str | None] | None:
    """Return the text of each file that fits a pattern, by the name of its folder."""
    return {path.parent.name: read(path) for path in sorted(root.glob(pattern))} or None


def field(path: Path, name: str, separator: str = ":") -> str | None:
    """Return the value of the first line `name: value`."""
    pairs = (line.partition(separator) for line in (read(path) or "").splitlines())
    return next((value.strip().strip('"') for key, _, value in pairs if key.strip() == name), None)


def ask(*command: str) -> str | None:
    """Return what a program prints, if it is there and succeeds."""
    try:
        done = subprocess.run(  # noqa: S603
            command, check=True, capture_output=True, text=True, timeout=SECONDS, errors="replace"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
