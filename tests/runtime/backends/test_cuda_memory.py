"""Errors of CUDA's are errors of this project; arrays go to a stand-in for the device and come back."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from references.gpu_stand_in import Gpu, StandIn, install

from licrt.runtime.backends.cuda_memory import Buffer, Cuda, Stream
from licrt.runtime.errors import BackendError


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Gpu:
    found = Gpu(memory=1000)
    install(monkeypatch, StandIn(found))
    return found


def test_errors_are_raised(gpu: Gpu) -> None:
    cuda = Cuda()
    with pytest.raises(MemoryError, match="the GPU has no memory left"):
        cuda("cudaMalloc", 1001)
    with pytest.raises(BackendError, match=r"^CUDA failed: cudaSetDevice: 1$"):
        cuda("cudaSetDevice", 7)


def test_cuda_python_without_a_driver(no_driver: None) -> None:
    """The real one, of any version."""
    pytest.importorskip("cuda.bindings.runtime")
    with pytest.raises(BackendError, match=r"^CUDA failed: cudaSetDevice: .*(InsufficientDriver|NoDevice|libcuda)"):
        Cuda()("cudaSetDevice", 0)


def test_copies_are_done_when_somebody_waits(gpu: Gpu) -> None:
    cuda = Cuda()
    stream, buffer = Stream(cuda), Buffer(cuda, (2, 3), np.float32)
    buffer.array[...] = [[1, 2, 3], [4, 5, 6]]
    buffer.send(stream)
    assert bytes(gpu.there[buffer.address]) == bytes(24)
    stream.wait()
    buffer.array[...] = 0
    buffer.fetch(stream)
    assert not buffer.array.any()
    stream.wait()
    assert np.array_equal(buffer.array, [[1, 2, 3], [4, 5, 6]])


def test_a_buffer_that_does_not_fit_keeps_nothing(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "cudaMallocHost", lambda size: (2, 0))
    with pytest.raises(MemoryError):
        Buffer(Cuda(), (10,), np.uint8)
    gc.collect()
    assert (gpu.there, gpu.here, gpu.left) == ({}, {}, 1000)
