"""Which engine serves a device: what there is, in which order it is tried, and why it cannot be used."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from licrt.runtime.backends import DEVICES, Backend
from licrt.runtime.backends.driver import NoDriverError, find_driver
from licrt.runtime.backends.unusable import UnusableError
from licrt.runtime.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Engine(NamedTuple):
    """One way to run graphs: its name, the device that it serves, and what opens it for some threads."""

    name: str
    device: str
    open: Callable[[int], Backend]


class Found(NamedTuple):
    """What became of opening an engine: a backend, or the reasons why there is none."""

    engine: Engine
    backend: Backend | None
    reasons: tuple[str, ...]


def _cpu(threads: int) -> Backend:
    from licrt.runtime.backends.onnxruntime_cpu import OnnxRuntimeCpu

    return OnnxRuntimeCpu(threads)


def _cuda(threads: int) -> Backend:
    from licrt.runtime.backends.onnxruntime_cuda import OnnxRuntimeCuda

    return OnnxRuntimeCuda(threads)


def _tensorrt(threads: int) -> Backend:
    from licrt.runtime.backends.tensorrt_native import TensorRtNative

    return TensorRtNative("tensorrt", threads)


def _tensorrt_rtx(threads: int) -> Backend:
    from licrt.runtime.backends.tensorrt_native import TensorRtNative

    return TensorRtNative("tensorrt_rtx", threads)


def _tensorrt_provider(threads: int) -> Backend:
    from licrt.runtime.backends.onnxruntime_tensorrt import OnnxRuntimeTensorRt

    return OnnxRuntimeTensorRt(threads)


# Best first, for each device.
ENGINES = (
    Engine("onnxruntime", "cpu", _cpu),
    Engine("onnxruntime CUDA", "cuda", _cuda),
    Engine("tensorrt", "tensorrt", _tensorrt),
    Engine("tensorrt_rtx", "tensorrt", _tensorrt_rtx),
    Engine("onnxruntime TensorRT", "tensorrt", _tensorrt_provider),
)
_REMEDIES = {
    "cuda": "pip uninstall -y onnxruntime; pip install 'licrt[gpu]'",
    "tensorrt": "pip install 'licrt[tensorrt]'",
}


def open_backend(device: str, threads: int, target: str) -> Backend:
    """Return the backend for a device, as `licrt.runtime.backends.open_backend` says."""
    if device not in DEVICES:
        raise BackendError(f"device {device!r} is unknown: expected one of {', '.join(DEVICES)}")
    if device == "cpu":
        return _cpu(threads)
    if device == "auto":
        found = _first(_automatic(target), threads)
        try:
            return found.backend or _cpu(threads)
        except BackendError as error:
            raise BackendError("; ".join([*found.reasons, str(error)])) from error
    found = _first([device], threads)
    if found.backend is None:
        first = "Run" if _has_driver() else "Install NVIDIA's driver, then run"
        reasons = "; ".join(found.reasons)
        raise BackendError(
            f"device {device} cannot be used: {reasons}. {first}: {_REMEDIES[device]}; or use --device cpu"
        )
    return found.backend


def find_engines(threads: int) -> list[Found]:
    """Try every engine; backends of all that work, and the reasons of those that do not."""
    return [_try(engine, threads) for engine in ENGINES]


def _automatic(target: str) -> Sequence[str]:
    """Return the devices that "auto" tries before the CPU."""
    if not _has_driver():
        return ()
    if target == "tensorrt":
        return ("tensorrt", "cuda")
    return ("cuda",) if find_spec("onnxruntime") else ("tensorrt",)


def _first(devices: Sequence[str], threads: int) -> Found:
    """Return the first engine of some devices that works; else one that has the reasons of all."""
    reasons: dict[str, None] = {}  # in order, and once: a driver that is missing is missing for all
    for engine in (engine for device in devices for engine in ENGINES if engine.device == device):
        found = _try(engine, threads)
        if found.backend:
            return found
        reasons |= dict.fromkeys(found.reasons)
    return Found(ENGINES[0], None, tuple(reasons))


def _try(engine: Engine, threads: int) -> Found:
    try:
        return Found(engine, engine.open(threads), ())
    except UnusableError as error:
        return Found(engine, None, error.reasons)
    except BackendError as error:
        return Found(engine, None, (str(error),))


def _has_driver() -> bool:
    try:
        find_driver()
    except NoDriverError:
        return False
    return True
