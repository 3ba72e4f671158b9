# ruff: noqa: N802 (names are those of CUDA and TensorRT)
"""A stand-in for a GPU, TensorRT and cuda-python, where there is none of them.

Memory of the device has addresses of its own, which no pointer of this side reaches. What is put onto a stream is done
when somebody waits for it, and not before; while it is recorded, not even then. Engines are ONNX graphs that ONNX
Runtime runs between two addresses. The stand-in has no names that the real modules lack; a test compares them.
It shows that our calls fit together, and nothing about hardware.
"""

from __future__ import annotations

import ctypes
import enum
import json
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from licrt.runtime.backends.driver import Device, Driver

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

DRIVER = Driver("12.6", (Device("Orin", "8.7", 7 << 30),))
OK, NO_MEMORY, INVALID = 0, 2, 1
TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8,
}


class Gpu:
    """The device, and `cuda.bindings.runtime` as far as it is used."""

    def __init__(self, memory: int = 1 << 30) -> None:
        self.there: dict[int, bytearray] = {}
        self.here: dict[int, ctypes.Array[Any]] = {}
        self.left = memory
        self.next = 1 << 50
        self.pending: list[Callable[[], None]] = []
        self.recording: list[Callable[[], None]] | None = None
        self.can_record = True
        self.calls: list[str] = []
        self.cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)

    def cudaStreamCaptureMode(self, mode: int) -> int:
        return mode

    def cudaSetDevice(self, device: int) -> tuple[int]:
        return (OK if device == 0 else INVALID,)

    def cudaMalloc(self, size: int) -> tuple[int, int]:
        if size > self.left:
            return NO_MEMORY, 0
        self.left -= size
        self.next += 1 << 32
        self.there[self.next] = bytearray(size)
        return OK, self.next

    def cudaFree(self, address: int) -> tuple[int]:
        self.left += len(self.there.pop(address))
        return (OK,)

    def cudaMallocHost(self, size: int) -> tuple[int, int]:
        block = (ctypes.c_ubyte * size)()
        self.here[ctypes.addressof(block)] = block
        return OK, ctypes.addressof(block)

    def cudaFreeHost(self, address: int) -> tuple[int]:
        del self.here[address]
        return (OK,)

    def cudaStreamCreate(self) -> tuple[int, int]:
        return OK, 5

    def cudaStreamDestroy(self, stream: int) -> tuple[int]:
        return (OK,)

    def cudaMemcpyAsync(self, target: int, source: int, size: int, kind: int, stream: int) -> tuple[int]:
        device, host = (target, source) if kind == 1 else (source, target)
        if size != len(self.there[device]) or size != len(self.here[host]) or stream != 5:
            return (INVALID,)

        def copy() -> None:
            if kind == 1:
                self.there[device][:] = bytes(self.here[host])
            else:
                ctypes.memmove(host, bytes(self.there[device]), size)

        return self.put(copy)

    def put(self, work: Callable[[], None]) -> tuple[int]:
        (self.pending if self.recording is None else self.recording).append(work)
        return (OK,)

    def cudaStreamSynchronize(self, stream: int) -> tuple[int]:
        for work in self.pending:
            work()
        self.pending.clear()
        return (OK,)

    def cudaStreamBeginCapture(self, stream: int, mode: int) -> tuple[int]:
        self.recording = []
        return (OK,)

    def cudaStreamEndCapture(self, stream: int) -> tuple[int, Any]:
        recorded, self.recording = self.recording, None
        return OK if self.can_record else INVALID, recorded

    def cudaGraphInstantiate(self, graph: Any, flags: int) -> tuple[int, Any]:
        return OK, list(graph)

    def cudaGraphDestroy(self, graph: Any) -> tuple[int]:
        return (OK,)

    def cudaGraphExecDestroy(self, graph: Any) -> tuple[int]:
        return (OK,)

    def cudaGraphLaunch(self, graph: list[Callable[[], None]], stream: int) -> tuple[int]:
        self.calls.append("launch")
        self.pending += graph
        return (OK,)


class Engine:
    """An engine, loaded: `ICudaEngine` and `IExecutionContext` in one, for there is one context of each."""

    def __init__(self, gpu: Gpu, shapes: dict[str, Any], graph: bytes) -> None:
        self.gpu, self.profile = gpu, shapes
        self.session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        self.inputs = [each.name for each in self.session.get_inputs()]
        self.names = [*self.inputs, *(each.name for each in self.session.get_outputs())]
        both = [*self.session.get_inputs(), *self.session.get_outputs()]
        self.types = {each.name: TYPES[each.type] for each in both}
        self.num_io_tensors = len(self.names)
        self.location = "there"
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}

    def get_tensor_name(self, index: int) -> str:
        return self.names[index]

    def get_tensor_mode(self, name: str) -> str:
        return "in" if name in self.inputs else "out"

    def get_tensor_location(self, name: str) -> str:
        return self.location

    def get_tensor_dtype(self, name: str) -> Any:
        return self.types[name]

    def get_tensor_profile_shape(self, name: str, index: int) -> list[list[int]]:
        return self.profile[name]

    def create_execution_context(self) -> Engine:
        return self

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        least, _, most = self.profile[name]
        sizes = zip(least, shape, most, strict=True)
        fits = len(least) == len(shape) and all(low <= size <= high for low, size, high in sizes)
        if fits:
            self.shapes[name] = shape
        return fits

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        empty = {each: np.zeros(self.shapes[each], self.types[each]) for each in self.inputs}
        return self.session.run([name], empty)[0].shape

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        self.gpu.calls.append("enqueue")

        def work() -> None:
            there = self.gpu.there
            arrays = {
                name: np.frombuffer(there[self.addresses[name]], self.types[name]).reshape(self.shapes[name])
                for name in self.inputs
            }
            (output,) = self.session.run(None, arrays)
            there[self.addresses[self.names[-1]]][:] = output.tobytes()

        return self.gpu.put(work) == (OK,)


class Flag(enum.IntEnum):
    STRONGLY_TYPED = 1


class StandIn:
    """`tensorrt` as far as it is used; `builds` counts, `broken` makes engines that do not load."""

    def __init__(self, gpu: Gpu, version: str = "10.3.0") -> None:
        self.gpu, self.builds, self.broken = gpu, 0, False
        self.__version__ = version
        self.NetworkDefinitionCreationFlag = Flag
        self.BuilderFlag = SimpleNamespace(TF32="TF32")
        self.MemoryPoolType = SimpleNamespace(WORKSPACE="WORKSPACE")
        self.TensorIOMode = SimpleNamespace(INPUT="in")
        self.TensorLocation = SimpleNamespace(DEVICE="there")
        self.ILogger = type("ILogger", (), {"ERROR": 1, "INTERNAL_ERROR": 0})
        self.IProgressMonitor = object
        self.nptype = np.dtype

    def Builder(self, logger: Any) -> Any:
        return SimpleNamespace(
            create_network=self.network,
            create_builder_config=self.config,
            create_optimization_profile=Profile,
            build_serialized_network=self.build,
        )

    def network(self, flags: int) -> Any:
        assert flags == 1 << Flag.STRONGLY_TYPED
        return SimpleNamespace()

    def OnnxParser(self, network: Any, logger: Any) -> Any:
        def parse(graph: bytes) -> bool:
            inputs = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]).get_inputs()
            network.graph, network.num_inputs, network.get_input = graph, len(inputs), inputs.__getitem__
            return True

        return SimpleNamespace(parse=parse)

    def config(self) -> Any:
        found = SimpleNamespace(flags={"TF32"}, pools={}, profiles=[], cache=b"")
        found.clear_flag = found.flags.discard
        found.set_memory_pool_limit = found.pools.__setitem__
        found.add_optimization_profile = lambda profile: found.profiles.append(profile) or len(found.profiles) - 1
        found.create_timing_cache = lambda data: SimpleNamespace(serialize=lambda: data + b"timed;")
        found.set_timing_cache = lambda cache, _: setattr(found, "cache", cache) is None
        found.get_timing_cache = lambda: found.cache
        return found

    def build(self, network: Any, config: Any) -> bytes:
        assert not config.flags
        assert config.pools
        self.builds += 1
        config.progress_monitor.phase_start("build", None, 1)
        config.progress_monitor.step_complete("build", 0)
        config.progress_monitor.phase_finish("build")
        (profile,) = config.profiles
        return json.dumps(profile.shapes).encode() + b"\n" + network.graph

    def Runtime(self, logger: Any) -> Any:
        def load(plan: bytes) -> Engine | None:
            shapes, _, graph = plan.partition(b"\n")
            return None if self.broken else Engine(self.gpu, json.loads(shapes), graph)

        return SimpleNamespace(deserialize_cuda_engine=load)


class Profile:
    def __init__(self) -> None:
        self.shapes: dict[str, list[tuple[int, ...]]] = {}

    def set_shape(self, name: str, *shapes: tuple[int, ...]) -> None:
        self.shapes[name] = list(shapes)


def install(monkeypatch: pytest.MonkeyPatch, tensorrt: StandIn, module: str = "tensorrt") -> None:
    """Let `import tensorrt`, cuda-python and the driver give the stand-ins, and hide the real modules.

    These would believe in the driver, and end the process with a segmentation fault when it ends.
    """
    for name in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.setitem(sys.modules, name, None)
    modules = {module: tensorrt, "cuda": None, "cuda.bindings": None, "cuda.bindings.runtime": tensorrt.gpu}
    for name, contents in modules.items():
        made = ModuleType(name)
        made.__spec__ = ModuleSpec(name, None)
        made.__path__ = []
        if contents:
            made.__getattr__ = lambda attribute, contents=contents: getattr(contents, attribute)  # type: ignore[method-assign]
        monkeypatch.setitem(sys.modules, name, made)
    for place in (
        "backends.driver",
        "backends.tensorrt_native",
        "backends.choice",
        "backends.onnxruntime_cuda",
        "selftest",
    ):
        monkeypatch.setattr(f"licrt.runtime.{place}.find_driver", lambda: DRIVER)
