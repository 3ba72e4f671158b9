"""What onnxruntime raises becomes errors of this project."""

import numpy as np
import onnxruntime
import pytest

from licrt.runtime.backends import open_backend
from licrt.runtime.bundle import load_bundle
from licrt.runtime.models import find


@pytest.fixture
def session():
    return open_backend("cpu", 1).load(load_bundle(find("default")).read("synthesis.onnx"), "synthesis")


def test_a_lack_of_memory_is_one(session, monkeypatch) -> None:
    class Full:
        def run(self, *_):
            raise onnxruntime.capi.onnxruntime_pybind11_state.Fail("Failed to allocate memory for requested buffer")

    monkeypatch.setattr(session, "_session", Full())
    with pytest.raises(MemoryError):
        session.run(np.zeros((1, 96, 2, 2), np.float32))
