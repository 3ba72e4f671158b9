"""Inference engines behind one small interface: load a graph, run it on arrays.

Nothing here imports an engine before it is asked for: machines without a GPU load nothing of what is for them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Array = npt.NDArray[Any]

DEVICES = ("auto", "cpu", "cuda", "tensorrt")


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

    def shared_by(self, callers: int) -> Backend:
        """Return a backend for sessions that so many threads run at a time, on no more CPUs than one thread uses here.

        It is this one where sessions do not run on CPUs.
        """
        ...


def open_backend(device: str, threads: int, *, target: str = "onnx") -> Backend:
    """Return the backend for a device.

    "auto" is the best of these that really loads, which is found out by running something:

    - without a driver of NVIDIA's: ONNX Runtime on the CPU, and nothing else is looked at;
    - with one: ONNX Runtime on CUDA, which takes pictures of any size as they come; then the CPU. TensorRT, which needs
      minutes for every new size, only where there is no ONNX Runtime at all;
    - with one, for bundles whose sizes are fixed (`target` "tensorrt"): TensorRT first.

    "tensorrt" is TensorRT itself if one of its Python modules works, else by ONNX Runtime.

    Args:
        device: one of `DEVICES`.
        threads: threads that one run may use.
        target: what the bundle was exported for, "onnx" or "tensorrt".

    Raises:
        BackendError: the device is unknown, or cannot be used, and why; there is no silent fall-back.
    """
    from licrt.runtime.backends import choice

    return choice.open_backend(device, threads, target)


def default_threads() -> int:
    """Return how many CPUs this process may use, which is fewer than the machine has inside a container."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
