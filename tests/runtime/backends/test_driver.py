"""The calls of the driver against a library in C with the signatures of cuda.h. Untested on a GPU."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from licrt.runtime.backends.driver import Device, Driver, NoDriverError, find_driver


def library(folder: Path, *options: str) -> str:
    """Build the library."""
    path = folder / "libcuda.so.1"
    source = Path(__file__).with_name("libcuda.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-Werror", *options, source, "-o", path], check=True)
    return str(path)


def test_devices(tmp_path: Path) -> None:
    orin, h200 = Device("Orin", "8.7", 7 << 30), Device("NVIDIA H200", "9.0", 139 << 30)
    assert find_driver(library(tmp_path)) == Driver("12.6", (orin, h200))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("-DNO_DEVICE", "the NVIDIA driver knows no device"),
        ("-DNOT_STARTED", r"the NVIDIA driver does not work \(cuInit: unknown error\)"),
        ("-DcuDeviceGetName=other", "no NVIDIA driver .* cannot be loaded"),  # of some other product
    ],
)
def test_drivers_that_do_not_serve(option: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(NoDriverError, match=message):
        find_driver(library(tmp_path, option))


def test_no_driver(tmp_path: Path) -> None:
    with pytest.raises(NoDriverError, match=r"no NVIDIA driver .*libcuda\.so\.1 cannot be loaded"):
        find_driver(str(tmp_path / "libcuda.so.1"))


@pytest.mark.gpu
def test_the_driver_of_this_machine(driver: Driver) -> None:
    assert all(device.memory > 1 << 30 and float(device.capability) >= 5 for device in driver.devices)
