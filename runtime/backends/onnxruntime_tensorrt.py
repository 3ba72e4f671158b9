"""ONNX Runtime on NVIDIA's GPUs, by its TensorRT provider. Untested on hardware.

The native backend is the better one: here TensorRT chooses precisions itself, among those that are switched on, and
keeps TF32 unless an environment variable of NVIDIA's forbids it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from licrt.runtime.backends import onnxruntime_cuda
from licrt.runtime.backends.engine_cache import usable_directory
from licrt.runtime.backends.on_gpu import OnGpu
from licrt.runtime.backends.onnxruntime_cuda import expect_provider, silent, try_out
from licrt.runtime.backends.onnxruntime_sessions import open_session
from licrt.runtime.backends.unusable import UnusableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from licrt.runtime.backends import Session, Shapes

PROVIDER = "TensorrtExecutionProvider"
NO_TF32 = "NVIDIA_TF32_OVERRIDE"


class OnnxRuntimeTensorRt(OnGpu):
    """Makes sessions whose engines are built, or found in the cache, when the first picture of a size comes.

    What TensorRT cannot run runs on CUDA.

    Raises:
        UnusableError: there is no driver, this ONNX Runtime has no such provider, it does not work, or TF32 is on.
    """

    def __init__(self, threads: int) -> None:
        self._onnxruntime, driver = expect_provider(PROVIDER)
        if os.environ.get(NO_TF32) != "0":
            raise UnusableError(f"{PROVIDER} takes TF32 for float32 unless {NO_TF32}=0 is set")
        super().__init__("onnxruntime", str(self._onnxruntime.__version__), PROVIDER, driver.devices[0], threads)
        self._cache = usable_directory("onnxruntime-engines")  # it names and keeps files in its own way
        with silent(self._onnxruntime):
            try_out(self._onnxruntime, [(PROVIDER, {"device_id": "0"}), (onnxruntime_cuda.PROVIDER, {})])

    def load(
        self,
        graph: bytes,
        name: str,
        shapes: Mapping[str, Shapes] | None = None,
        *,
        exact: bool = False,  # noqa: ARG002 (TensorRT has no such choice)
    ) -> Session:
        """Prepare a graph given as the bytes of an ONNX file."""
        providers = [
            (PROVIDER, options(shapes, self._cache)),
            (onnxruntime_cuda.PROVIDER, onnxruntime_cuda.OPTIONS),
        ]
        return open_session(self._onnxruntime, graph, name, providers, self._threads)


def options(shapes: Mapping[str, Shapes] | None, cache: Path | None) -> dict[str, str]:
    """Return the provider's options.

    Args:
        shapes: what engines are built for, by name of input; None for the shapes that come.
        cache: where engines are kept; None to build them in every process.

    >>> from licrt.runtime.backends import Shapes
    >>> options({"x": Shapes((1, 3, 16, 16), (1, 3, 256, 256), (1, 3, 512, 512))}, None)["trt_profile_max_shapes"]
    'x:1x3x512x512'
    """
    found = {
        "device_id": "0",
        "trt_fp16_enable": "0",
        "trt_bf16_enable": "0",
        "trt_int8_enable": "0",
        "trt_max_workspace_size": str(1 << 30),
    }
    if cache:
        found |= {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(cache),
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(cache),
        }
    for end, field in (("min", "least"), ("opt", "best"), ("max", "most")):
        if shapes:
            sizes = (f"{name}:{'x'.join(map(str, getattr(each, field)))}" for name, each in shapes.items())
            found[f"trt_profile_{end}_shapes"] = ",".join(sizes)
    return found
