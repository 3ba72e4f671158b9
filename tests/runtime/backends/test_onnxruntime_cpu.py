"""What onnxruntime raises becomes errors of this project."""

import numpy as np
import onnxruntime
import pytest

from licrt.runtime.backends import open_backend
from licrt.runtime.backends.onnxruntime_cpu import OnnxRuntimeCpu
from licrt.runtime.bundle import load_bundle
from licrt.runtime.errors import ModelError
from licrt.runtime.models import find


@pytest.fixture
def session():
    return open_backend("cpu", 1).load(load_bundle(find("default")).read("synthesis.onnx"), "synthesis")


def test_optimisation_levels_are_those_of_onnxruntime() -> None:
    graph, latent = load_bundle(find("default")).read("synthesis.onnx"), np.ones((1, 384, 2, 2), np.float32)
    pictures = [OnnxRuntimeCpu(1, level).load(graph, level).run(latent) for level in ("disabled", "basic", "all")]
    assert all(np.abs(picture - pictures[0]).max() < 1e-4 for picture in pictures)
    options = OnnxRuntimeCpu(1, "disabled").load(graph, "")._session.get_session_options()
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options = open_backend("cpu", 1).load(graph, "")._session.get_session_options()
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL


def test_callers_that_share_a_backend_divide_its_threads() -> None:
    graph, backend = load_bundle(find("default")).read("synthesis.onnx"), OnnxRuntimeCpu(4, "basic")
    for callers, threads in ((1, 4), (2, 3), (4, 1), (9, 1)):
        options = backend.shared_by(callers).load(graph, "")._session.get_session_options()
        assert options.intra_op_num_threads == threads
        assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC


def test_a_lack_of_memory_is_one(session, monkeypatch) -> None:
    class Full:
        def run(self, *_):
            raise onnxruntime.capi.onnxruntime_pybind11_state.Fail("Failed to allocate memory for requested buffer")

    monkeypatch.setattr(session, "_session", Full())
    with pytest.raises(MemoryError):
        session.run(np.zeros((1, 96, 2, 2), np.float32))


def test_a_graph_with_an_operator_that_is_no_text_is_refused_in_silence(capfd) -> None:
    """onnxruntime tries such a graph twice, and prints that, unless told not to."""
    graph = load_bundle(find("default")).read("synthesis.onnx").replace(b"Relu", b"Rel\xe1")
    with pytest.raises(ModelError, match=r"onnxruntime cannot load it: .*utf-8"):
        open_backend("cpu", 1).load(graph, "it")
    assert capfd.readouterr() == ("", "")
