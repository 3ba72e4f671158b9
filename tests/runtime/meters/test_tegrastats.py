"""Lines of tegrastats as Jetsons of JetPack 6 and 7 printed them, and a program that prints them as tegrastats does."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from licrt.runtime.meters.meter import NoMeterError
from licrt.runtime.meters.tegrastats import Tegrastats, input_rail, parse, summarise

LINES = Path(__file__).with_name("tegrastats")


def lines(name: str) -> list[str]:
    return [line for line in (LINES / f"{name}.txt").read_text().splitlines() if not line.startswith("#")]


def test_agx_orin_jetpack_6() -> None:
    sample = parse(lines("agx-orin-l4t-36.4.4")[0])
    assert sample.milliwatts == {"VDD_GPU_SOC": 2412, "VDD_CPU_CV": 1607, "VIN_SYS_5V0": 4707}
    assert sample.celsius == {"cpu": 52.562, "soc2": 48.437, "soc0": 49.093, "tj": 52.562, "soc1": 49.656}
    assert sample.cpu_mhz == (2188, 2112, 2035, 2201, 1267, 1267, 1267, 1267, 1036, 1036, 1036, 1036)
    assert (sample.gpu_percent, sample.gpu_mhz, sample.ram_mb) == (0, (0, 0), 18207)
    assert input_rail([*sample.milliwatts]) is None


def test_orin_nano_jetpack_6() -> None:
    idle, fixed = map(parse, lines("orin-nano-jetpack-6"))
    assert idle.milliwatts == {"VDD_IN": 4761, "VDD_CPU_GPU_CV": 515, "VDD_SOC": 1428}
    assert input_rail([*idle.milliwatts]) == "VDD_IN"
    assert idle.cpu_mhz == (729,) * 6
    assert (idle.gpu_percent, idle.gpu_mhz) == (0, ())
    assert fixed.cpu_mhz == (1344,) * 6
    assert fixed.celsius["tj"] == 50.562


def test_thor_jetpack_7_0() -> None:
    sample = parse(lines("agx-thor-l4t-38.4.0")[1])
    assert sample.milliwatts == {"VDD_GPU": 0, "VDD_CPU_SOC_MSS": 4923, "VIN_SYS_5V0": 4327}
    assert sample.celsius == {"cpu": 35.25, "tj": 36.031, "soc012": 36.062, "soc345": 34.5}
    assert sample.cpu_mhz == (972,) * 8 + (2601, 2601) + (972,) * 4
    assert (sample.gpu_percent, sample.gpu_mhz) == (None, (0, 0, 0))


def test_thor_jetpack_7_2_says_now_and_highest() -> None:
    sample = parse(lines("agx-thor-l4t-39.2.0")[1])
    assert sample.milliwatts == {"VDD_GPU": 4925, "VDD_CPU_SOC_MSS": 7953, "VIN_SYS_5V0": 6667}
    assert sample.celsius == {"cpu": 34.312, "tj": 35.906, "soc012": 34.093, "gpu": 35.906, "soc345": 34.437}
    assert (sample.gpu_percent, sample.gpu_mhz) == (None, (314, 314, 314))
    assert sample.ram_mb == 9091


def test_agx_orin_jetpack_7_2_says_load_and_a_clock_for_each_part() -> None:
    (sample,) = map(parse, lines("agx-orin-l4t-39.2.0"))
    assert (sample.gpu_percent, sample.gpu_mhz) == (12, (1300, 1300))
    assert sample.celsius == {"cpu": 52.968, "soc2": 48.406, "soc0": 49.531, "gpu": 47.625}
    assert sample.milliwatts["VDD_GPU_SOC"] == 5139


@pytest.mark.parametrize("line", ["", "RAM", "CPU [off]", "GR3D_FREQ @[]", "tegrastats: no permission", "CPU [,,@x]"])
def test_other_lines_say_nothing(line: str) -> None:
    sample = parse(line)
    assert not sample.milliwatts
    assert not sample.celsius
    assert not sample.cpu_mhz
    assert not sample.gpu_mhz


def test_sensors_that_are_switched_off_are_left_out() -> None:
    assert parse("cv0@-256C tj@-3.5C").celsius == {"tj": -3.5}


def test_summary() -> None:
    summary = summarise([parse(line) for line in lines("agx-thor-l4t-38.4.0")])
    assert summary["samples"] == 3
    assert summary["highest_celsius"] == {"cpu": 35.25, "soc012": 36.062, "soc345": 34.5, "tj": 36.031}
    assert summary["mean_watts"]["VDD_CPU_SOC_MSS"] == pytest.approx((4.165 + 4.923 + 4.544) / 3)
    assert summary["cpu_mhz"] == {"lowest": 972, "highest": 2601}


def program(folder: Path, body: str) -> str:
    """A program in the place of tegrastats."""
    path = folder / "tegrastats"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_energy_is_power_times_time(tmp_path: Path) -> None:
    line = lines("orin-nano-jetpack-6")[0]
    with closing(Tegrastats(program(tmp_path, f"while :; do echo '{line}'; sleep 0.02; done"))) as meter:
        moments = [time.perf_counter()]
        first = meter.joules()
        moments.append(time.perf_counter())
        time.sleep(0.1)
        moments.append(time.perf_counter())
        last = meter.joules()
        moments.append(time.perf_counter())
        summary = meter.summary()
    assert first.keys() == {"VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"}
    shortest, longest = moments[2] - moments[1], moments[3] - moments[0]
    assert 4.761 * shortest <= last["VDD_IN"] - first["VDD_IN"] <= 4.761 * longest
    assert last["VDD_SOC"] / last["VDD_IN"] == pytest.approx(1428 / 4761)
    assert summary["samples"] >= 1
    assert summary["mean_watts"]["VDD_IN"] == pytest.approx(4.761)


def test_there_is_no_such_program(tmp_path: Path) -> None:
    with pytest.raises(NoMeterError, match="cannot be run: No such file or directory"):
        Tegrastats(str(tmp_path / "tegrastats"))


@pytest.mark.parametrize("body", ["exit 1", "echo nonsense; exec sleep 10"])
def test_a_program_that_says_nothing_of_power_is_no_meter(tmp_path: Path, body: str) -> None:
    with pytest.raises(NoMeterError, match="prints no power"):
        Tegrastats(program(tmp_path, body))
