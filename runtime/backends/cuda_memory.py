"""Memory of a GPU, and the stream that work on it goes through, by `cuda-python`. Untested on hardware."""

from __future__ import annotations

import ctypes
import importlib
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from licrt.runtime.backends.unusable import UnusableError
from licrt.runtime.errors import BackendError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from licrt.runtime.backends import Array

# The module is called so since cuda-python 12.8, and was before; JetPack 6 may have either.
MODULES = ("cuda.bindings.runtime", "cuda.cudart")
_NO_MEMORY = 2  # cudaErrorMemoryAllocation


class Cuda:
    """CUDA's runtime: calls that raise what they would return.

    Raises:
        UnusableError: `cuda-python` cannot be imported.
    """

    def __init__(self) -> None:
        reasons = []
        for name in MODULES:
            try:
                self.api: Any = importlib.import_module(name)
            except ImportError as error:
                reasons.append(first_line(error))
            else:
                return
        raise UnusableError(f"cuda-python cannot be imported ({'; '.join(reasons)})")

    def __call__(self, name: str, *arguments: object) -> Any:
        """Call a function by name and return what it gives.

        Raises:
            MemoryError: the GPU has no more.
            BackendError: CUDA reports another error.
        """
        try:
            status, *values = getattr(self.api, name)(*arguments)
        except RuntimeError as error:  # of 12.6, where it does not find the driver
            raise BackendError(f"CUDA failed: {name}: {first_line(error)}") from error
        if int(status) == _NO_MEMORY:
            raise MemoryError("the GPU has no memory left")
        if int(status):
            raise BackendError(f"CUDA failed: {name}: {getattr(status, 'name', status)}")
        return values[0] if values else None


class Stream:
    """What is done on one stream is done in order. Freed with the object, or when the process ends."""

    def __init__(self, cuda: Cuda) -> None:
        self._cuda = cuda
        self.handle = cuda("cudaStreamCreate")
        weakref.finalize(self, cuda.api.cudaStreamDestroy, self.handle)

    def wait(self) -> None:
        """Wait until all of it is done."""
        self._cuda("cudaStreamSynchronize", self.handle)

    def record(self, work: Callable[[], None]) -> Recorded:
        """Record what `work` puts onto this stream, without doing it.

        Raises:
            BackendError: some of it cannot be recorded.
        """
        self._cuda("cudaStreamBeginCapture", self.handle, self._cuda.api.cudaStreamCaptureMode(2))  # relaxed
        try:
            work()
        finally:
            graph = self._cuda("cudaStreamEndCapture", self.handle)
        return Recorded(self._cuda, graph, self)


class Recorded:
    """A CUDA graph: launched by one call, where its parts would take one each."""

    def __init__(self, cuda: Cuda, graph: Any, stream: Stream) -> None:
        self._cuda, self._stream = cuda, stream
        self._launchable = cuda("cudaGraphInstantiate", graph, 0)
        weakref.finalize(self, cuda.api.cudaGraphExecDestroy, self._launchable)
        cuda("cudaGraphDestroy", graph)

    def launch(self) -> None:
        """Put all of it onto the stream."""
        self._cuda("cudaGraphLaunch", self._launchable, self._stream.handle)


class Buffer:
    """An array twice: page-locked on this side, where copies need no detour, and on the GPU at `address`."""

    def __init__(self, cuda: Cuda, shape: Sequence[int], dtype: npt.DTypeLike) -> None:
        self._cuda = cuda
        self._bytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        self._there = cuda("cudaMalloc", self._bytes)
        self.address = int(self._there)
        weakref.finalize(self, cuda.api.cudaFree, self._there)
        self._here = cuda("cudaMallocHost", self._bytes)
        weakref.finalize(self, cuda.api.cudaFreeHost, self._here)
        memory = (ctypes.c_ubyte * self._bytes).from_address(int(self._here))
        kind: np.dtype[Any] = np.dtype(dtype)
        self.array: Array = np.frombuffer(memoryview(memory), kind).reshape(shape)

    def send(self, stream: Stream) -> None:
        """Copy to the GPU."""
        kind = self._cuda.api.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._cuda("cudaMemcpyAsync", self._there, self._here, self._bytes, kind, stream.handle)

    def fetch(self, stream: Stream) -> None:
        """Copy back."""
        kind = self._cuda.api.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._cuda("cudaMemcpyAsync", self._here, self._there, self._bytes, kind, stream.handle)
