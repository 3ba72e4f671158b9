"""ONNX Runtime, whatever the provider: how its sessions are made and run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from licrt.runtime.errors import BackendError, ModelError, first_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from licrt.runtime.backends import Array

_LEVELS = {
    "disabled": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
_NO_MEMORY = ("bad_alloc", "Failed to allocate memory", "out of memory")
_OF_THE_DEVICE = ("CUDA failure", "CUDNN failure", "CUBLAS failure", "CUDA error")


def import_onnxruntime() -> Any:
    """Return the module.

    Raises:
        BackendError: it cannot be imported.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendError(
            f"no inference engine: onnxruntime cannot be imported ({error}). Run: pip install 'licrt[cpu]'"
        ) from error
    return onnxruntime


def open_session(
    onnxruntime: Any,
    graph: bytes,
    name: str,
    providers: Sequence[tuple[str, Mapping[str, str]]],
    threads: int,
    optimisation: str = "all",
) -> OnnxSession:
    """Prepare a graph given as the bytes of an ONNX file.

    Args:
        onnxruntime: the module.
        graph: the bytes of an ONNX file.
        name: for error messages.
        providers: what to run it on and how, best first; the first must be there, ONNX Runtime's CPU always is.
        threads: threads that one run may use.
        optimisation: how far graphs may be rewritten: "disabled", "basic", "extended" or "all".

    Raises:
        ModelError: ONNX Runtime cannot load it, or it has not one output.
        BackendError: ONNX Runtime leaves out what was asked for, or the device failed.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, _LEVELS[optimisation])
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors come as exceptions; the log would say them twice
    # Threads that spin between runs starve the native entropy path, and other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Sizes change from picture to picture, so a remembered memory pattern is only memory kept.
    options.enable_mem_pattern = False
    # Left to guess, it also reads a format of its own, with fewer checks.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    wanted = [(provider, dict(settings)) for provider, settings in providers]
    try:
        # Its fall-back tries the same again, and tells standard output.
        session = onnxruntime.InferenceSession(graph, options, providers=wanted, enable_fallback=0)
    except Exception as error:
        raise _explained(error, name, f"onnxruntime cannot load {name}", "export the model again") from error
    # Providers that do not load are left out in silence; the CPU, which is always last, takes their place.
    loaded = [provider for provider in session.get_providers() if provider in dict(wanted)]
    if loaded != [provider for provider, _ in wanted]:
        raise BackendError(f"asked onnxruntime for {', '.join(dict(wanted))}, got {', '.join(session.get_providers())}")
    if len(session.get_outputs()) != 1:
        raise ModelError(f"{name} has {len(session.get_outputs())} outputs, expected one; export the model again")
    # The arena of a GPU keeps what it was asked for once; without this it would hold the sum of all sizes ever seen.
    return OnnxSession(onnxruntime, session, name, "gpu:0" if "CUDAExecutionProvider" in loaded else None)


class OnnxSession:
    """One loaded graph. `arena` is given back, as far as it is free, whenever shapes change."""

    def __init__(self, onnxruntime: Any, session: Any, name: str, arena: str | None) -> None:
        self._session = session
        self._name = name
        self._inputs = [each.name for each in session.get_inputs()]
        self._shrinking = None
        self._shapes: list[tuple[int, ...]] | None = None
        if arena:
            self._shrinking = onnxruntime.RunOptions()
            self._shrinking.add_run_config_entry("memory.enable_memory_arena_shrinkage", arena)

    def run(self, *inputs: Array) -> Array:
        """Run the graph on arrays, in the order of its inputs, and return its only output."""
        shapes = [array.shape for array in inputs]
        if len(inputs) != len(self._inputs):
            raise ModelError(f"{self._name} has {len(self._inputs)} inputs, not {len(inputs)}; export the model again")
        options = self._shrinking if shapes != self._shapes else None
        self._shapes = shapes
        try:
            outputs: list[Any] = self._session.run(None, dict(zip(self._inputs, inputs, strict=True)), options)
        except Exception as error:
            sizes = ", ".join("x".join(map(str, shape)) for shape in shapes)
            raise _explained(error, self._name, f"onnxruntime failed to run {self._name} on {sizes}") from error
        if not isinstance(outputs[0], np.ndarray):
            raise ModelError(f"{self._name} gives no tensor; export the model again")
        return outputs[0]


def _explained(error: Exception, name: str, what: str, remedy: str | None = None) -> Exception:
    """Return what an error of ONNX Runtime's is here: of the model if a remedy is given, else of the engine."""
    if any(words in str(error) for words in _NO_MEMORY):
        return MemoryError(f"{name} does not fit")
    message = f"{what}: {first_line(error)}"
    if remedy and not any(words in str(error) for words in _OF_THE_DEVICE):
        return ModelError(f"{message}; {remedy}")
    return BackendError(message)
