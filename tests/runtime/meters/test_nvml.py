"""The calls of NVML against a library in C with the signatures of nvml.h. Untested on a GPU."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from licrt.runtime.meters.meter import NoMeterError
from licrt.runtime.meters.nvml import Nvml

H100 = "0 NVIDIA H100 80GB HBM3"


def library(folder: Path, *options: str) -> str:
    """Build the library."""
    path = folder / "libnvidia-ml.so.1"
    source = Path(__file__).with_name("nvml.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-Werror", *options, source, "-o", path], check=True)
    return str(path)


def test_energy_is_of_the_devices_that_count_it(tmp_path: Path) -> None:
    with closing(Nvml(library(tmp_path))) as meter:
        assert meter.joules() == {H100: 1.5}
        assert meter.joules() == {H100: 3.0}


def test_memory(tmp_path: Path) -> None:
    with closing(Nvml(library(tmp_path))) as meter:
        assert meter.memory() == {H100: 7 << 32, "1 Tesla M40": 5 << 20}


def test_no_driver(tmp_path: Path) -> None:
    with pytest.raises(NoMeterError, match="NVML does not start: Driver Not Loaded"):
        Nvml(library(tmp_path, "-DNO_DRIVER"))


def test_no_library(tmp_path: Path) -> None:
    with pytest.raises(NoMeterError, match="cannot be loaded"):
        Nvml(str(tmp_path / "libnvidia-ml.so.1"))
