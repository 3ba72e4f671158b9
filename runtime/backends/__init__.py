"""Inference engines behind one small interface: load a graph, run it on an array."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from licrt.runtime.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Array = npt.NDArray[Any]

DEVICES = ("auto", "cpu")


class Shapes(NamedTuple):
    """Which shapes an input will have: engines that are built ahead are built for these. Equal ones are one shape."""

    least: tuple[int, ...]
    best: tuple[int, ...]
    most: tuple[int, ...]


class Session(Protocol):
    """One loaded graph. Safe to run from several threads at once."""

    def run(self, *inputs: Array) -> Array:
        """Run the graph on arrays, in the order of its inputs, and return its only output.

        The graph may come from anywhere: shape and dtype of the output are for the caller to check.

        Raises:
            BackendError: the engine failed.
        """
        ...


class Backend(Protocol):
    """Makes sessions on one device, and says what it is for reports."""

    @property
    def accelerated(self) -> bool:
        """Whether graphs run elsewhere than on the CPU."""
        ...

    def load(
        self, graph: bytes, name: str, shapes: Mapping[str, Shapes] | None = None, *, exact: bool = False
    ) -> Session:
        """Prepare a graph.

        Args:
            graph: the bytes of an ONNX file.
            name: for error messages.
            shapes: by name of input; None where the graph fixes them, or where this engine takes any.
            exact: the graph computes with integers carried in floats: take algorithms that keep them, where there is a
                choice. What comes out is to be checked all the same.

        Raises:
            ModelError: it is not a graph with one output that this engine can load.
            BackendError: the engine is not what was asked for, or failed.
        """
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
