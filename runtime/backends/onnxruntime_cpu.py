"""ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licrt.runtime.backends.onnxruntime_sessions import import_onnxruntime, open_session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from licrt.runtime.backends import Session, Shapes

PROVIDER = "CPUExecutionProvider"


class OnnxRuntimeCpu:
    """Makes CPU sessions that use `threads` threads each.

    `optimisation` says how far ONNX Runtime may rewrite a graph: "disabled", "basic", "extended" or "all". Streams of
    all decode alike; conformance/ shows it.
    """

    accelerated = False

    def __init__(self, threads: int, optimisation: str = "all") -> None:
        self._onnxruntime = import_onnxruntime()
        self._threads = threads
        self._optimisation = optimisation

    def load(
        self,
        graph: bytes,
        name: str,
        shapes: Mapping[str, Shapes] | None = None,  # noqa: ARG002
        *,
        exact: bool = False,  # noqa: ARG002 (exact integers are, here: every float32 operation is rounded once)
    ) -> Session:
        """Prepare a graph given as the bytes of an ONNX file; it takes any shapes."""
        return open_session(self._onnxruntime, graph, name, [(PROVIDER, {})], self._threads, self._optimisation)

    def describe(self) -> Mapping[str, str | int]:
        """Engine, version, provider and threads."""
        return {
            "engine": "onnxruntime",
            "version": str(self._onnxruntime.__version__),
            "provider": PROVIDER,
            "threads": self._threads,
        }

    def shared_by(self, callers: int) -> OnnxRuntimeCpu:
        """Return one whose sessions have fewer threads: each caller brings one, and all share the others."""
        return OnnxRuntimeCpu(max(self._threads - callers + 1, 1), self._optimisation)
