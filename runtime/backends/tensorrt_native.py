"""TensorRT itself, by its Python module: `tensorrt` (10 of JetPack 6, 11) or `tensorrt_rtx`. Untested on hardware."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import OrderedDict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from licrt.runtime.backends import Shapes, engine_cache
from licrt.runtime.backends.cuda_memory import Cuda
from licrt.runtime.backends.driver import NoDriverError, find_driver
from licrt.runtime.backends.on_gpu import OnGpu
from licrt.runtime.backends.tensorrt_build import (
    PRECISION,
    WORKSPACE,
    TensorRt,
    build_engine,
    check_module,
    import_tensorrt,
)
from licrt.runtime.backends.tensorrt_session import EngineSession
from licrt.runtime.backends.unusable import UnusableError
from licrt.runtime.errors import BackendError
from licrt.runtime.graph_inputs import graph_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from licrt.runtime.backends import Array, Session
    from licrt.runtime.backends.driver import Device

SIZES = 4  # engines of one graph that stay loaded, where none was built ahead


class TensorRtNative(OnGpu):
    """Makes sessions on the first GPU that the driver shows (`CUDA_VISIBLE_DEVICES` chooses).

    Engines come from the cache, or are built and kept there.

    Raises:
        UnusableError: there is no driver, the module or `cuda-python` cannot be imported, or they do not work.
    """

    def __init__(self, module: str, threads: int) -> None:
        self._device = _device(module)  # first: without one, a Runtime takes the process down when it ends
        self._tensorrt = import_tensorrt(module)
        self._cuda = Cuda()
        try:
            self._cuda("cudaSetDevice", 0)
        except BackendError as error:
            raise UnusableError(str(error)) from error
        check_module(self._tensorrt)
        self._owned = {"runtime": self._tensorrt.api.Runtime(self._tensorrt.logger)}
        weakref.finalize(self, self._owned.clear)  # after those of sessions, which were made later
        super().__init__(self._tensorrt.name, self._tensorrt.version, "TensorRT", self._device, threads)
        self._lock = threading.Lock()

    def load(
        self,
        graph: bytes,
        name: str,
        shapes: Mapping[str, Shapes] | None = None,
        *,
        exact: bool = False,  # noqa: ARG002 (TensorRT has no such choice)
    ) -> Session:
        """Prepare a graph; without shapes, and where it has none of its own, an engine for each size that comes."""
        inputs = graph_inputs(graph, name)
        if shapes is None:
            own = [each.shape for each in inputs]
            if any(None in shape for shape in own):
                return _AnySize(self, graph, name, [each.name for each in inputs])
            shapes = one_size([each.name for each in inputs], own)
        return self.load_built(graph, name, shapes)

    def load_built(self, graph: bytes, name: str, shapes: Mapping[str, Shapes]) -> EngineSession:
        """Load the engine of a graph for some shapes, out of the cache if it is there.

        Raises:
            ModelError: there is no such engine.
            BackendError: it was built, and does not load.
        """
        key = engine_key(self._tensorrt, self._device, graph, shapes)
        runtime = self._owned["runtime"]
        with self._lock:  # builds that run beside each other would time each other's kernels
            plan = engine_cache.read(key)
            engine = runtime.deserialize_cuda_engine(plan) if plan else None
            if engine is None:  # not there, or of another driver's
                engine = runtime.deserialize_cuda_engine(self._build(key, graph, name, shapes))
            if engine is None:
                raise BackendError(f"{self._tensorrt.name} built an engine for {name} that it does not load")
            record = self._tensorrt.name == "tensorrt"  # the other compiles while it runs, which cannot be recorded
            return EngineSession(self._tensorrt.api, engine, self._cuda, name, record=record)

    def _build(self, key: Mapping[str, object], graph: bytes, name: str, shapes: Mapping[str, Shapes]) -> bytes:
        timings_key = machine_key(self._tensorrt, self._device)
        built = build_engine(self._tensorrt, graph, name, shapes, engine_cache.read(timings_key))
        engine_cache.write(key, built.engine)
        if built.timings:
            engine_cache.write(timings_key, built.timings)
        return built.engine


def _device(module: str) -> Device:
    """Return the first GPU, if there is one and the module is installed."""
    lacking = () if find_spec(module) else (f"{module} is not installed",)
    try:
        device = find_driver().devices[0]
    except NoDriverError as error:
        raise UnusableError(*error.reasons, *lacking) from error
    if lacking:
        raise UnusableError(*lacking)
    return device


def one_size(names: list[str], shapes: list[Any]) -> dict[str, Shapes]:
    """Return what an engine for inputs of exactly these shapes is built for."""
    return {name: Shapes(shape, shape, shape) for name, shape in zip(names, shapes, strict=True)}


def machine_key(tensorrt: TensorRt, device: Device) -> dict[str, object]:
    """Return what the timings of kernels depend on."""
    return {
        "kind": "timings",
        "module": tensorrt.name,
        "version": tensorrt.version,
        "compute_capability": device.capability,
        "device": device.name,
    }


def engine_key(tensorrt: TensorRt, device: Device, graph: bytes, shapes: Mapping[str, Shapes]) -> dict[str, object]:
    """Return everything that an engine depends on."""
    return {
        **machine_key(tensorrt, device),
        "kind": "engine",
        "graph": hashlib.sha256(graph).hexdigest(),
        "precision": PRECISION,
        "workspace": WORKSPACE,
        "shapes": {name: [list(shape) for shape in each] for name, each in shapes.items()},
    }


class _AnySize:
    """A graph that takes any size: an engine for each that comes, of which the last few stay loaded."""

    def __init__(self, backend: TensorRtNative, graph: bytes, name: str, inputs: list[str]) -> None:
        self._backend, self._graph, self._name, self._inputs = backend, graph, name, inputs
        self._sessions: OrderedDict[tuple[tuple[int, ...], ...], EngineSession] = OrderedDict()
        self._lock = threading.Lock()

    def run(self, *inputs: Array) -> Array:
        return self._session(tuple(array.shape for array in inputs)).run(*inputs)

    def _session(self, shapes: tuple[tuple[int, ...], ...]) -> EngineSession:
        with self._lock:
            if shapes not in self._sessions:
                names = self._inputs[: len(shapes)]
                built = self._backend.load_built(self._graph, self._name, one_size(names, list(shapes[: len(names)])))
                self._sessions[shapes] = built
                if len(self._sessions) > SIZES:
                    self._sessions.popitem(last=False)
            self._sessions.move_to_end(shapes)
            return self._sessions[shapes]
