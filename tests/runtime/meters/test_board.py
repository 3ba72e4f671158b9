"""What is read of a Jetson's files, and that nothing is minded that is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from licrt.runtime.meters.board import board, is_jetson, l4t_version, state, throttled

if TYPE_CHECKING:
    from pathlib import Path

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
    "sys/devices/system/cpu/cpufreq/policy0/scaling_min_freq": "729600\n",
    "sys/class/devfreq/17000000.gpu/governor": "nvhost_podgov\n",
    "sys/class/devfreq/17000000.gpu/max_freq": "1020000000\n",
    "sys/class/devfreq/17000000.gpu/cur_freq": "306000000\n",
    "sys/class/hwmon/hwmon2/oc1_event_cnt": "0\n",
    "sys/class/hwmon/hwmon2/oc3_event_cnt": "1\n",
    "sys/class/thermal/cooling_device0/type": "cpufreq-cpu0\n",
    "sys/class/thermal/cooling_device0/cur_state": "0\n",
    "sys/class/thermal/cooling_device1/type": "pwm-fan\n",
    "sys/class/thermal/cooling_device1/cur_state": "2\n",
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
    found = board(jetson)
    assert is_jetson(found)
    assert found["model"] == "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"
    assert found["l4t"] == RELEASE
    assert found["l4t_version"] == "36.4.3"
    assert found["jetpack"] == "6"
    assert found["system"] == "Ubuntu 22.04.5 LTS"
    assert found["memory"] == "7802192 kB"
    assert found["cpu_features"] == "fp asimd asimddp"
    assert found["cpus_online"] == "0-5"
    assert found["governors"] == {"policy0": "schedutil", "policy4": "performance"}
    assert found["lowest_frequencies_khz"] == {"policy0": "729600"}
    assert found["highest_frequencies_khz"] == {"policy0": "1728000"}
    assert found["devices"] == {"17000000.gpu": "nvhost_podgov"}
    assert found["highest_device_frequencies_hz"] == {"17000000.gpu": "1020000000"}


@pytest.mark.parametrize(
    ("release", "version"),
    [
        (RELEASE, "36.4.3"),
        ("# R38 (release), REVISION: 4.0, GCID: 43443517, BOARD: generic, EABI: aarch64", "38.4.0"),
        ("# R39 (release), REVISION: 2.0, GCID: 45755727, BOARD: generic, EABI: aarch64", "39.2.0"),
        ("something else", None),
    ],
)
def test_version_of_l4t(release: str, version: str | None) -> None:
    assert l4t_version(release) == version


def test_state(jetson: Path) -> None:
    assert state(jetson) == {
        "temperatures": {"thermal_zone0 cpu-thermal": 51250, "thermal_zone1 cv0-thermal": None},
        "frequencies_khz": {"policy0": "729600"},
        "device_frequencies_hz": {"17000000.gpu": "306000000"},
        "throttling": {
            "sys/class/hwmon/hwmon2/oc1_event_cnt": 0,
            "sys/class/hwmon/hwmon2/oc3_event_cnt": 1,
            "cooling_device0 cpufreq-cpu0": 0,
        },
        "available_memory": "6012345 kB",
        "load": "0.10 0.05 0.01 1/300 999",
    }


def test_throttling_is_a_count_that_grew_or_a_cooler_at_work(jetson: Path) -> None:
    before = state(jetson)
    assert throttled(before, before) == []
    (jetson / "sys/class/hwmon/hwmon2/oc1_event_cnt").write_text("2\n")
    (jetson / "sys/class/thermal/cooling_device0/cur_state").write_text("3\n")
    assert throttled(before, state(jetson)) == ["sys/class/hwmon/hwmon2/oc1_event_cnt", "cooling_device0 cpufreq-cpu0"]


def test_nothing_there(tmp_path: Path) -> None:
    found = board(tmp_path)
    known = {"kernel", "libc", "python", "packages", "power_mode"}
    assert {name: value for name, value in found.items() if name not in known} == dict.fromkeys(found.keys() - known)
    assert not is_jetson(found)
    assert set(state(tmp_path).values()) == {None}
    assert throttled(state(tmp_path), state(tmp_path)) is None


def test_programs_are_asked_and_may_be_missing_or_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`nvpmodel -q` prints the mode; dpkg-query fails for packages that are not installed."""
    for name, text in {"nvpmodel": "echo 'NV Power Mode: 25W'; echo 1", "dpkg-query": "exit 1"}.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = board()
    assert found["power_mode"] == "NV Power Mode: 25W\n1"
    assert found["packages"] == dict.fromkeys(found["packages"])
