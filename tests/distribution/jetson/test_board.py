"""What board.py reads of a Jetson's files, and that it minds nothing that is missing."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "distribution" / "jetson" / "board.py"
BOARD = runpy.run_path(str(SCRIPT))
RELEASE = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64"
FILES = {
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0",
    "etc/nv_tegra_release": f"{RELEASE}\n",
    "etc/os-release": 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 22.04.5 LTS"\n',
    "proc/meminfo": "MemTotal:        7802192 kB\nMemFree: 1 kB\nMemAvailable:    6012345 kB\n",
    "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd asimddp\n\nprocessor\t: 1\nFeatures\t: fp\n",
    "proc/loadavg": "0.10 0.05 0.01 1/300 999\n",
    "sys/devices/system/cpu/online": "0-5\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "schedutil\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq": "1728000\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "729600\n",
    "sys/devices/system/cpu/cpufreq/policy4/scaling_governor": "performance\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "51250\n",
    "sys/class/thermal/thermal_zone1/type": "cv0-thermal\n",  # switched off: its temperature cannot be read
}


@pytest.fixture
def jetson(tmp_path: Path) -> Path:
    """The files of a board."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_board(jetson: Path) -> None:
    board = BOARD["board"](jetson)
    assert board["model"] == "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"
    assert board["l4t"] == RELEASE
    assert board["system"] == "Ubuntu 22.04.5 LTS"
    assert board["memory"] == "7802192 kB"
    assert board["cpu_features"] == "fp asimd asimddp"
    assert board["cpus_online"] == "0-5"
    assert board["governors"] == {"policy0": "schedutil", "policy4": "performance"}
    assert board["highest_frequencies_khz"] == {"policy0": "1728000"}


def test_state(jetson: Path) -> None:
    assert BOARD["state"](jetson) == {
        "temperatures": {"thermal_zone0 cpu-thermal": 51250, "thermal_zone1 cv0-thermal": None},
        "frequencies_khz": {"policy0": "729600"},
        "available_memory": "6012345 kB",
        "load": "0.10 0.05 0.01 1/300 999",
    }


def test_nothing_there(tmp_path: Path) -> None:
    board = BOARD["board"](tmp_path)
    known = {"kernel", "libc", "python", "packages", "power_mode"}
    assert {name: value for name, value in board.items() if name not in known} == dict.fromkeys(board.keys() - known)
    assert set(BOARD["state"](tmp_path).values()) == {None}


def test_programs_are_asked_and_may_be_missing_or_fail(tmp_path: Path) -> None:
    """`nvpmodel -q` prints the mode; dpkg-query fails for packages that are not installed."""
    for name, text in {"nvpmodel": "echo 'NV Power Mode: 25W'; echo 1", "dpkg-query": "exit 1"}.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    code = "import board; found = board.board(); print(found['power_mode'], set(found['packages'].values()))"
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, cwd=SCRIPT.parent, env=environment, capture_output=True, text=True)
    assert done.stdout == "NV Power Mode: 25W\n1 {None}\n"
