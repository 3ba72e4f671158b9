"""What can be shown of CUDA without a GPU: the small graph that tries it out, and what is asked of a provider."""

from __future__ import annotations

from unittest.mock import Mock

import numpy as np
import onnxruntime
import pytest
from references.gpu_stand_in import DRIVER

from licrt.runtime.backends import onnxruntime_cuda
from licrt.runtime.backends.onnxruntime_cuda import PROBE, expect_provider, try_out
from licrt.runtime.backends.onnxruntime_sessions import open_session
from licrt.runtime.errors import BackendError, ModelError

CPU = [("CPUExecutionProvider", {})]


def test_the_probe_is_a_convolution() -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(PROBE)
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Conv"]


def test_a_provider_that_works_passes() -> None:
    try_out(onnxruntime, CPU)


def test_a_provider_that_computes_something_else_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime_cuda, "PROBE", PROBE.replace(b"\0\0\0@", b"\1\0\0@"))
    with pytest.raises(BackendError, match=r"CPUExecutionProvider does not work: it computes 2 x 3 = 6\.00000"):
        try_out(onnxruntime, CPU)


def test_a_provider_that_is_left_out_is_missed() -> None:
    """ONNX Runtime runs on the CPU then. Of providers that it does not have it warns, of others not even that."""
    wanted = [("CUDAExecutionProvider", {}), *CPU]
    with (
        pytest.warns(UserWarning, match="not in available"),
        pytest.raises(BackendError, match="asked onnxruntime for CUDA"),
    ):
        open_session(onnxruntime, PROBE, "it", wanted, 1)


def test_failures_of_the_device_are_not_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words as in ONNX Runtime's source: nothing here can make it say them."""

    for words, expected in (
        ("CUDA failure 100: no CUDA-capable device is detected ; GPU=-1", BackendError),
        ("CUDNN failure 1001: CUDNN_STATUS_NOT_INITIALIZED", BackendError),
        ("CUDA failure 2: out of memory ; GPU=0", MemoryError),
        ("Load model failed: Protobuf parsing failed.", ModelError),
    ):
        monkeypatch.setattr(onnxruntime, "InferenceSession", Mock(side_effect=RuntimeError(words)))
        with pytest.raises(expected):
            open_session(onnxruntime, PROBE, "it", CPU, 1)


def test_memory_is_given_back_when_shapes_change() -> None:
    given = []

    class Session:
        def get_inputs(self):
            return [type("Input", (), {"name": "x"})]

        def run(self, outputs, inputs, options):
            given.append(options is not None)
            return [inputs["x"]]

    from licrt.runtime.backends.onnxruntime_sessions import OnnxSession

    session = OnnxSession(onnxruntime, Session(), "it", "gpu:0")
    for size in (1, 1, 2, 2, 1):
        session.run(np.zeros(size))
    assert given == [True, False, True, False, True]


def test_a_driver_without_a_provider_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime_cuda, "find_driver", lambda: DRIVER)
    with pytest.raises(
        BackendError, match=r"^onnxruntime [\d.]+ has no XExecutionProvider, which onnxruntime-gpu has$"
    ):
        expect_provider("XExecutionProvider")
    assert expect_provider("CPUExecutionProvider") == (onnxruntime, DRIVER)
