"""Zones of powercap as Linux lays them out, and counters that start again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from licrt.runtime.meters.meter import NoMeterError
from licrt.runtime.meters.rapl import Rapl

RANGE = 262_143_328_850


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    """A package with its DRAM, and the second interface to the same package, which must not count twice."""
    for zone, name in {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "dram",
        "intel-rapl-mmio:0": "package-0",
    }.items():
        folder = tmp_path / zone
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text(f"{RANGE}\n")
        (folder / "energy_uj").write_text("1000000\n")
    (tmp_path / "intel-rapl").mkdir()  # the control type, which has no counter
    return tmp_path


def test_zones_count_from_opening_on(powercap: Path) -> None:
    meter = Rapl(powercap)
    assert meter.joules() == {"package-0": 0.0, "package-0/dram": 0.0}
    (powercap / "intel-rapl:0/energy_uj").write_text("3500000\n")
    assert meter.joules() == {"package-0": 2.5, "package-0/dram": 0.0}


def test_counters_may_start_again(powercap: Path) -> None:
    (powercap / "intel-rapl:0/energy_uj").write_text(f"{RANGE - 500_000}\n")
    meter = Rapl(powercap)
    (powercap / "intel-rapl:0/energy_uj").write_text("250000\n")
    assert meter.joules()["package-0"] == pytest.approx(0.75)
    (powercap / "intel-rapl:0/energy_uj").write_text("1250000\n")
    assert meter.joules()["package-0"] == pytest.approx(1.75)


def test_no_zones(tmp_path: Path) -> None:
    with pytest.raises(NoMeterError, match="no zones"):
        Rapl(tmp_path)


def test_what_is_not_a_counter(powercap: Path) -> None:
    (powercap / "intel-rapl:0/energy_uj").write_text("unknown\n")
    with pytest.raises(NoMeterError, match="cannot read"):
        Rapl(powercap)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become another user")
def test_only_root_may_read(powercap: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from licrt.runtime.meters.rapl import Rapl, NoMeterError\n"
        "os.setuid(65534)\n"
        "try: Rapl(Path(sys.argv[1]))\n"
        "except NoMeterError as error: print(error)"
    )
    with tempfile.TemporaryDirectory() as folder:
        zones = Path(shutil.copytree(powercap, Path(folder) / "powercap"))
        Path(folder).chmod(0o755)
        zones.chmod(0o755)
        for file in zones.glob("*/energy_uj"):
            file.chmod(0o400)
        done = subprocess.run([sys.executable, "-c", code, zones], check=True, capture_output=True, text=True)
    assert done.stdout == f"no permission to read {zones}/intel-rapl:0/energy_uj; root has it\n"
