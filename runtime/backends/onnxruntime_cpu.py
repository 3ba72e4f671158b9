"""ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from licrt.runtime.errors import BackendError, ModelError, first_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from licrt.runtime.backends import Array, Session, Shapes

PROVIDER = "CPUExecutionProvider"
_LEVELS = {
    "disabled": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}


class OnnxRuntimeCpu:
    """Makes CPU sessions that use `threads` threads each.

    `optimisation` says how far ONNX Runtime may rewrite a graph: "disabled", "basic", "extended" or "all". Streams of
    all decode alike; conformance/ shows it.
    """

    accelerated = False

    def __init__(self, threads: int, optimisation: str = "all") -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise BackendError(
                f"no inference engine: onnxruntime cannot be imported ({error}). Run: pip install 'licrt[cpu]'"
            ) from error
        self._onnxruntime = onnxruntime
        self._threads = threads
        self._level = getattr(onnxruntime.GraphOptimizationLevel, _LEVELS[optimisation])

    def load(
        self,
        graph: bytes,
        name: str,
        shapes: Mapping[str, Shapes] | None = None,  # noqa: ARG002
        *,
        exact: bool = False,  # noqa: ARG002 (exact integers are, here: every float32 operation is rounded once)
    ) -> Session:
        """Prepare a graph given as the bytes of an ONNX file; it takes any shapes."""
        options = self._onnxruntime.SessionOptions()
        options.graph_optimization_level = self._level
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors come as exceptions; the log would say them twice
        # Threads that spin between runs starve the native entropy path, and other processes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Sizes change from picture to picture, so a remembered memory pattern is only memory kept.
        options.enable_mem_pattern = False
        # Left to guess, it also reads a format of its own, with fewer checks.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            # Its fall-back tries the same again, and tells standard output.
            session = self._onnxruntime.InferenceSession(graph, options, providers=[PROVIDER], enable_fallback=0)
        except Exception as error:
            if "bad_alloc" in str(error) or "Failed to allocate memory" in str(error):
                raise MemoryError from error
            raise ModelError(f"onnxruntime cannot load {name}: {first_line(error)}; export the model again") from error
        if session.get_providers() != [PROVIDER]:
            raise BackendError(f"asked onnxruntime for {PROVIDER}, got {session.get_providers()}")
        if len(session.get_outputs()) != 1:
            raise ModelError(f"{name} has {len(session.get_outputs())} outputs, expected one; export the model again")
        return _OnnxSession(session, name)

    def describe(self) -> Mapping[str, str | int]:
        """Engine, version, provider and threads."""
        return {
            "engine": "onnxruntime",
            "version": str(self._onnxruntime.__version__),
            "provider": PROVIDER,
            "threads": self._threads,
        }


class _OnnxSession:
    def __init__(self, session: Any, name: str) -> None:
        self._session = session
        self._name = name
        self._inputs = [each.name for each in session.get_inputs()]

    def run(self, *inputs: Array) -> Array:
        shapes = ", ".join("x".join(map(str, array.shape)) for array in inputs)
        if len(inputs) != len(self._inputs):
            raise ModelError(f"{self._name} has {len(self._inputs)} inputs, not {len(inputs)}; export the model again")
        try:
            outputs: list[Any] = self._session.run(None, dict(zip(self._inputs, inputs, strict=True)))
        except Exception as error:
            if "Failed to allocate memory" in str(error):
                raise MemoryError from error
            raise BackendError(f"onnxruntime failed to run {self._name} on {shapes}: {first_line(error)}") from error
        if not isinstance(outputs[0], np.ndarray):
            raise ModelError(f"{self._name} gives no tensor; export the model again")
        return outputs[0]
