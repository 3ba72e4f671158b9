"""NVIDIA's driver: whether there is one, and which devices it knows.

Called through ctypes, before any engine is asked for a GPU: some engines crash where there is no driver (a TensorRT
runtime takes the whole process with it when it ends), and none says in one line what is missing. The declarations
follow NVIDIA's CUDA driver API reference.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t
from dataclasses import dataclass

from licrt.runtime.backends.unusable import UnusableError

LIBRARY = "libcuda.so.1"
_NAME_BYTES = 256
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_…
_SIGNATURES = {
    "cuInit": (ctypes.c_uint,),
    "cuDriverGetVersion": (POINTER(c_int),),
    "cuDeviceGetCount": (POINTER(c_int),),
    "cuDeviceGet": (POINTER(c_int), c_int),
    "cuDeviceGetName": (c_char_p, c_int, c_int),
    "cuDeviceGetAttribute": (POINTER(c_int), c_int, c_int),
    "cuDeviceTotalMem_v2": (POINTER(c_size_t), c_int),
    "cuGetErrorString": (c_int, POINTER(c_char_p)),
}


class NoDriverError(UnusableError):
    """There is no driver, or it knows no device."""


@dataclass(frozen=True)
class Device:
    """A GPU as the driver knows it; `memory` in bytes, of which a Jetson's CPU has a share."""

    name: str
    capability: str
    memory: int


@dataclass(frozen=True)
class Driver:
    """The newest CUDA that the driver serves, such as "12.6", and its devices, at least one."""

    cuda: str
    devices: tuple[Device, ...]


def find_driver(library: str = LIBRARY) -> Driver:
    """Ask the driver for its devices. Cheap to repeat.

    A process that was forked afterwards cannot use the devices: CUDA's rule, which holds for every engine, too.

    Raises:
        NoDriverError: there is none, it does not start, or it knows no device.
    """
    try:
        cuda = ctypes.CDLL(library)
        for name, arguments in _SIGNATURES.items():
            function = getattr(cuda, name)
            function.argtypes, function.restype = arguments, c_int
    except (OSError, AttributeError) as error:
        raise NoDriverError(f"no NVIDIA driver ({library} cannot be loaded)") from error

    def check(status: int, what: str) -> None:
        if status:
            text = c_char_p()
            cuda.cuGetErrorString(status, byref(text))
            reason = (text.value or b"unknown").decode(errors="replace")
            raise NoDriverError(f"the NVIDIA driver does not work ({what}: {reason})")

    check(cuda.cuInit(0), "cuInit")
    version, count = c_int(), c_int()
    check(cuda.cuDriverGetVersion(byref(version)), "cuDriverGetVersion")
    check(cuda.cuDeviceGetCount(byref(count)), "cuDeviceGetCount")

    def device(index: int) -> Device:
        handle, major, minor, memory = c_int(), c_int(), c_int(), c_size_t()
        name = ctypes.create_string_buffer(_NAME_BYTES)
        check(cuda.cuDeviceGet(byref(handle), index), "cuDeviceGet")
        check(cuda.cuDeviceGetName(name, _NAME_BYTES, handle), "cuDeviceGetName")
        check(cuda.cuDeviceGetAttribute(byref(major), _MAJOR, handle), "cuDeviceGetAttribute")
        check(cuda.cuDeviceGetAttribute(byref(minor), _MINOR, handle), "cuDeviceGetAttribute")
        check(cuda.cuDeviceTotalMem_v2(byref(memory), handle), "cuDeviceTotalMem")
        return Device(name.value.decode(errors="replace"), f"{major.value}.{minor.value}", memory.value)

    devices = tuple(map(device, range(count.value)))
    if not devices:
        raise NoDriverError("the NVIDIA driver knows no device")
    return Driver(f"{version.value // 1000}.{version.value % 1000 // 10}", devices)
