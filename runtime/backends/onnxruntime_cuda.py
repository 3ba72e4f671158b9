"""ONNX Runtime on NVIDIA's GPUs, by its CUDA provider. Untested on hardware."""

from __future__ import annotations

import contextlib
import ctypes
import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from licrt.runtime.backends.driver import NoDriverError, find_driver
from licrt.runtime.backends.on_gpu import OnGpu
from licrt.runtime.backends.onnxruntime_sessions import import_onnxruntime, open_session
from licrt.runtime.backends.unusable import UnusableError
from licrt.runtime.errors import BackendError, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from licrt.runtime.backends import Session, Shapes

PROVIDER = "CUDAExecutionProvider"
# "One level between backends" holds without TF32, whose products have 11 bits. cuDNN's own choice of algorithms tries
# out all of them for every new size, which costs more than most runs. The arena takes what it is asked for, not twice.
OPTIONS = {
    "device_id": "0",
    "use_tf32": "0",
    "cudnn_conv_algo_search": "HEURISTIC",
    "arena_extend_strategy": "kSameAsRequested",
}
# The plainest algorithms, for graphs whose sums must be exact integers: those of Winograd are not.
EXACT = {"cudnn_conv_algo_search": "DEFAULT"}
# y = 2 x, as a convolution: what a provider that loads, but lacks cuDNN or kernels for this GPU, cannot run.
PROBE = (
    b"\x08\x08\x12\x00:c\n\x0f\n\x01x\n\x01w\x12\x01y\x22\x04Conv\x12\x01p*\x13\x08\x01\x08\x01\x08\x01\x08\x01\x10\x01"
    b'"\x04\x00\x00\x00@B\x01wZ\x1b\n\x01x\x12\x16\n\x14\x08\x01\x12\x10\n\x02\x08\x01\n\x02\x08\x01\n\x02\x08\x02\n\x02'
    b"\x08\x02b\x1b\n\x01y\x12\x16\n\x14\x08\x01\x12\x10\n\x02\x08\x01\n\x02\x08\x01\n\x02\x08\x02\n\x02\x08\x02B\x04\n\x00"
    b"\x10\r"
)


class OnnxRuntimeCuda(OnGpu):
    """Makes sessions on the first GPU that the driver shows (`CUDA_VISIBLE_DEVICES` chooses).

    Raises:
        UnusableError: there is no driver, this ONNX Runtime has no such provider, or it does not work.
    """

    def __init__(self, threads: int) -> None:
        self._onnxruntime, driver = expect_provider(PROVIDER)
        super().__init__("onnxruntime", str(self._onnxruntime.__version__), PROVIDER, driver.devices[0], threads)
        with silent(self._onnxruntime):
            try_out(self._onnxruntime, [(PROVIDER, OPTIONS)])

    def load(
        self,
        graph: bytes,
        name: str,
        shapes: Mapping[str, Shapes] | None = None,  # noqa: ARG002
        *,
        exact: bool = False,
    ) -> Session:
        """Prepare a graph given as the bytes of an ONNX file; it takes any shapes."""
        settings = OPTIONS | EXACT if exact else OPTIONS
        return open_session(self._onnxruntime, graph, name, [(PROVIDER, settings)], self._threads)


def expect_provider(provider: str) -> tuple[Any, Any]:
    """Return the module and the driver, with the libraries that pip installed beside it loaded.

    Raises:
        UnusableError: one of them is missing, or this ONNX Runtime was built without the provider.
    """
    problems: list[str] = []
    driver: Any = None
    onnxruntime: Any = None
    try:
        driver = find_driver()
    except NoDriverError as error:
        problems.append(str(error))
    try:
        onnxruntime = import_onnxruntime()
    except BackendError:
        problems.append("onnxruntime is not installed")
    else:
        if provider not in onnxruntime.get_available_providers():
            problems.append(f"onnxruntime {onnxruntime.__version__} has no {provider}, which onnxruntime-gpu has")
    if problems:
        raise UnusableError(*problems)
    if find_spec("nvidia") and hasattr(onnxruntime, "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
            onnxruntime.preload_dlls()
    return onnxruntime, driver


def try_out(onnxruntime: Any, providers: list[tuple[str, Mapping[str, str]]]) -> None:
    """Run a small graph on the first of some providers.

    Raises:
        UnusableError: it does not load or does not run, and why.
    """
    first = providers[0][0]
    array = np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)
    try:
        result = open_session(onnxruntime, PROBE, f"a test of {first}", providers, 1).run(array)
    except Exception as error:
        reason = _missing_library(onnxruntime, first) or first_line(error.__cause__ or error)
        raise UnusableError(f"{first} does not work: {reason}") from error
    if not np.array_equal(result, 2 * array):
        raise UnusableError(f"{first} does not work: it computes 2 x 3 = {result.flat[3]}")


@contextlib.contextmanager
def silent(onnxruntime: Any) -> Iterator[None]:
    """Keep ONNX Runtime from logging what is said in one line anyway; its usual level comes back."""
    onnxruntime.set_default_logger_severity(4)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(2)


def _missing_library(onnxruntime: Any, provider: str) -> str | None:
    """Return what the loader says about the library of a provider that ONNX Runtime left out; None if it loads."""
    name = provider.removesuffix("ExecutionProvider").lower()
    path = Path(onnxruntime.__file__).parent / "capi" / f"libonnxruntime_providers_{name}.so"
    try:
        ctypes.CDLL(str(path))
    except OSError as error:
        return str(error)
    return None
