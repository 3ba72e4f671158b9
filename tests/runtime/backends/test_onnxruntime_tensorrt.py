"""What ONNX Runtime's TensorRT provider is asked for. Untested on hardware."""

from __future__ import annotations

import onnxruntime
import pytest
from references.gpu_stand_in import DRIVER

from licrt.runtime.backends import Shapes, onnxruntime_tensorrt
from licrt.runtime.errors import BackendError


def test_tensorrt_is_asked_for_the_precisions_of_the_graph(cache, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = {"x": Shapes((1, 3, 16, 16), (1, 3, 64, 64), (1, 3, 96, 128)), "y": Shapes((1,), (1,), (1,))}
    options = onnxruntime_tensorrt.options(shapes, cache)
    assert [options[f"trt_{name}_enable"] for name in ("fp16", "bf16", "int8", "engine_cache")] == ["0", "0", "0", "1"]
    assert options["trt_engine_cache_path"] == options["trt_timing_cache_path"] == str(cache)
    ends = [options[f"trt_profile_{end}_shapes"] for end in ("min", "opt", "max")]
    assert ends == ["x:1x3x16x16,y:1", "x:1x3x64x64,y:1", "x:1x3x96x128,y:1"]
    assert "trt_engine_cache_enable" not in onnxruntime_tensorrt.options(None, None)
    monkeypatch.setattr(onnxruntime_tensorrt, "expect_provider", lambda provider: (onnxruntime, DRIVER))
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    with pytest.raises(BackendError, match="takes TF32 for float32 unless NVIDIA_TF32_OVERRIDE=0 is set"):
        onnxruntime_tensorrt.OnnxRuntimeTensorRt(1)
