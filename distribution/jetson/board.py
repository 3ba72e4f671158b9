"""What a report must say about the board: the machine, its software, and the state that decides how fast it is.

Reads files and asks programs; changes nothing. What is not there is None.
"""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

PACKAGES = ("nvidia-jetpack", "nvidia-l4t-core", "nvidia-l4t-cuda", "libnvinfer10", "libcudnn9-cuda-12")
SECONDS = 20  # for any program


def board(root: Path = Path("/")) -> dict[str, object]:
    """Return what does not change while the kit runs.

    Args:
        root: the folder that has proc, sys and etc; another one in tests.
    """
    return {
        "model": read(root / "proc/device-tree/model"),
        "l4t": read(root / "etc/nv_tegra_release"),
        "packages": {name: ask("dpkg-query", "--show", "--showformat=${Version}", name) for name in PACKAGES},
        "power_mode": ask("nvpmodel", "-q"),
        "governors": per_file(root, "sys/devices/system/cpu/cpufreq/policy*/scaling_governor"),
        "highest_frequencies_khz": per_file(root, "sys/devices/system/cpu/cpufreq/policy*/scaling_max_freq"),
        "cpus_online": read(root / "sys/devices/system/cpu/online"),
        "cpu_features": field(root / "proc/cpuinfo", "Features"),
        "memory": field(root / "proc/meminfo", "MemTotal"),
        "system": field(root / "etc/os-release", "PRETTY_NAME", "="),
        "kernel": f"{platform.release()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()) or None,
        "python": platform.python_version(),
    }


def state(root: Path = Path("/")) -> dict[str, object]:
    """Return what changes while the kit runs. Temperatures are in thousandths of a degree Celsius, by zone."""
    zones = sorted((root / "sys/class/thermal").glob("thermal_zone*"))
    return {
        "temperatures": {f"{zone.name} {read(zone / 'type')}": number(zone / "temp") for zone in zones} or None,
        "frequencies_khz": per_file(root, "sys/devices/system/cpu/cpufreq/policy*/scaling_cur_freq"),
        "available_memory": field(root / "proc/meminfo", "MemAvailable"),
        "load": read(root / "proc/loadavg"),
    }


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
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS, errors="replace")
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
