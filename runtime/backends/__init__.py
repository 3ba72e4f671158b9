"""Inference engines behind one small interface: load a graph, run it on an array."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from licrt.runtime.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

DEVICES = ("auto", "cpu")


class Session(Protocol):
    """One loaded graph. Safe to run from several threads at once."""

    def run(self, array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Run the graph on `[1, channels, height, width]` and return its first output, an array of any shape.

        Raises:
            ModelError: the graph gives something else than float32.
            BackendError: the engine failed.
        """
        ...


class Backend(Protocol):
    """Makes sessions on one device, and says what it is for reports."""

    def load(self, graph: bytes, name: str) -> Session:
        """Prepare a graph; `name` is for error messages."""
        ...

    def describe(self) -> Mapping[str, str | int]:
        """Engine, version, provider and threads."""
        ...


def open_backend(device: str, threads: int) -> Backend:
    """Return the backend for a device.

    Args:
        device: "cpu", or "auto" for the best that really loads.
        threads: threads that one run may use.

    Raises:
        BackendError: the device is unknown or its engine is not installed; there is no silent fall-back.
    """
    if device not in DEVICES:
        raise BackendError(f"device {device!r} is not available: this version of licrt runs on {' or '.join(DEVICES)}")
    from licrt.runtime.backends.onnxruntime_cpu import OnnxRuntimeCpu

    return OnnxRuntimeCpu(threads)


def default_threads() -> int:
    """Return how many CPUs this process may use, which is fewer than the machine has inside a container."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
