"""Energy and memory of NVIDIA's GPUs by NVML, the library that comes with the driver.

Called through ctypes: six functions of a C interface that has kept its shape for ten years are no reason for a package,
and `nvidia-ml-py` is a wrapper of the same kind. The declarations follow NVIDIA's NVML API reference.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, byref, c_char_p, c_int, c_uint, c_ulonglong, c_void_p
from typing import TYPE_CHECKING

from licrt.runtime.meters.meter import NoMeterError

if TYPE_CHECKING:
    from collections.abc import Mapping

LIBRARY = "libnvidia-ml.so.1"
_NAME_BYTES = 96  # NVML_DEVICE_NAME_V2_BUFFER_SIZE


class _Memory(ctypes.Structure):
    """`nvmlMemory_t`, in bytes."""

    _fields_ = (("total", c_ulonglong), ("free", c_ulonglong), ("used", c_ulonglong))


_SIGNATURES = {
    "nvmlInit_v2": (),
    "nvmlShutdown": (),
    "nvmlDeviceGetCount_v2": (POINTER(c_uint),),
    "nvmlDeviceGetHandleByIndex_v2": (c_uint, POINTER(c_void_p)),
    "nvmlDeviceGetName": (c_void_p, c_char_p, c_uint),
    "nvmlDeviceGetMemoryInfo": (c_void_p, POINTER(_Memory)),
    "nvmlDeviceGetTotalEnergyConsumption": (c_void_p, POINTER(c_ulonglong)),  # mJ since the driver was loaded; Volta on
}


class Nvml:
    """The GPUs of this machine. What other programs do with them counts, too: NVML knows whole devices.

    Raises:
        NoMeterError: no driver, no library, or no device.
    """

    def __init__(self, library: str = LIBRARY) -> None:
        try:
            self._library = ctypes.CDLL(library)
            for name, arguments in _SIGNATURES.items():
                function = getattr(self._library, name)
                function.argtypes, function.restype = arguments, c_int
            self._library.nvmlErrorString.argtypes, self._library.nvmlErrorString.restype = (c_int,), c_char_p
        except (OSError, AttributeError) as error:
            raise NoMeterError(f"{library} cannot be loaded") from error
        if status := self._library.nvmlInit_v2():
            raise NoMeterError(f"NVML does not start: {self._explain(status)}")
        count = c_uint()
        self._library.nvmlDeviceGetCount_v2(byref(count))
        self._devices = dict(filter(None, map(self._device, range(count.value))))
        if not self._devices:
            self.close()
            raise NoMeterError("NVML knows no device")
        self._first = self._millijoules()

    def joules(self) -> Mapping[str, float]:
        """Return the joules of each device that counts them, since the meter was opened."""
        counts = self._millijoules()
        return {name: 1e-3 * (counts[name] - first) for name, first in self._first.items() if name in counts}

    def memory(self) -> Mapping[str, int]:
        """Return the bytes of memory in use on each device that tells."""
        used, memory = {}, _Memory()
        for name, device in self._devices.items():
            if not self._library.nvmlDeviceGetMemoryInfo(device, byref(memory)):
                used[name] = int(memory.used)
        return used

    def close(self) -> None:
        """Let go of the library."""
        self._library.nvmlShutdown()

    def _device(self, index: int) -> tuple[str, c_void_p] | None:
        device, name = c_void_p(), ctypes.create_string_buffer(_NAME_BYTES)
        if self._library.nvmlDeviceGetHandleByIndex_v2(index, byref(device)):
            return None  # of another user, or broken
        self._library.nvmlDeviceGetName(device, name, _NAME_BYTES)
        return f"{index} {name.value.decode(errors='replace')}", device

    def _millijoules(self) -> dict[str, int]:
        counts, count = {}, c_ulonglong()
        for name, device in self._devices.items():
            if not self._library.nvmlDeviceGetTotalEnergyConsumption(device, byref(count)):
                counts[name] = count.value
        return counts

    def _explain(self, status: int) -> str:
        text: bytes = self._library.nvmlErrorString(status)
        return text.decode(errors="replace")
