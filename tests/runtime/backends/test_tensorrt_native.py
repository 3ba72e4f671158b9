"""Native TensorRT on a stand-in for the device (tests/references/gpu_stand_in.py). Untested on hardware."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from references.gpu_stand_in import DRIVER, Engine, Gpu, StandIn, install

from licrt.runtime import Codec
from licrt.runtime.backends import Shapes, engine_cache, open_backend
from licrt.runtime.backends.onnxruntime_cpu import OnnxRuntimeCpu
from licrt.runtime.backends.tensorrt_native import TensorRtNative, engine_key, machine_key
from licrt.runtime.bundle import load_bundle
from licrt.runtime.errors import BackendError, ModelError
from licrt.runtime.models import find

RANGE = {"input": Shapes((1, 384, 1, 1), (1, 384, 4, 4), (1, 384, 8, 8))}
ONE = {"input": Shapes(*[(1, 384, 4, 6)] * 3)}


@pytest.fixture
def tensorrt(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    found = StandIn(Gpu())
    install(monkeypatch, found)
    return found


def latent(*size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((1, 384, *size), np.float32)


@pytest.fixture(scope="module")
def expected():
    from licrt.runtime.models import EMBEDDED

    return OnnxRuntimeCpu(1).load((EMBEDDED / "default" / "hyper_analysis.onnx").read_bytes(), "it").run


def test_runs_give_what_the_graph_gives(tensorrt: StandIn, hyper_analysis: bytes, expected) -> None:
    session = TensorRtNative("tensorrt", 1).load(hyper_analysis, "it", RANGE)
    for size, seed in (((4, 4), 0), ((4, 4), 1), ((8, 3), 2), ((1, 1), 3), ((8, 3), 4)):
        array = latent(*size, seed=seed)
        assert np.array_equal(session.run(array), expected(array))
        assert np.array_equal(session.run(array[:, :, ::-1]), expected(np.ascontiguousarray(array[:, :, ::-1])))
    assert tensorrt.builds == 1


@pytest.mark.parametrize("shapes", [ONE, RANGE])
def test_runs_of_one_size_are_recorded(shapes, tensorrt: StandIn, hyper_analysis: bytes, expected) -> None:
    session = TensorRtNative("tensorrt", 1).load(hyper_analysis, "it", shapes)
    arrays = [latent(4, 6, seed=seed) for seed in range(5)]
    results = [session.run(array) for array in arrays]
    assert all(np.array_equal(result, expected(array)) for result, array in zip(results, arrays, strict=True))
    assert tensorrt.gpu.calls == [
        "enqueue",
        "enqueue",
        "enqueue",
        "launch",
        "launch",
        "launch",
    ]  # the third is recorded


def test_what_was_recorded_is_not_launched_for_another_size(tensorrt: StandIn, hyper_analysis: bytes, expected) -> None:
    session = TensorRtNative("tensorrt", 1).load(hyper_analysis, "it", RANGE)
    for size in [(4, 6)] * 3 + [(6, 4)] * 3 + [(4, 6), (6, 4)]:
        assert np.array_equal(session.run(latent(*size)), expected(latent(*size)))
    assert tensorrt.gpu.calls.count("launch") == 2


def test_what_cannot_be_recorded_runs_all_the_same(tensorrt: StandIn, hyper_analysis: bytes, expected) -> None:
    tensorrt.gpu.can_record = False
    session = TensorRtNative("tensorrt", 1).load(hyper_analysis, "it", ONE)
    for seed in range(3):
        array = latent(4, 6, seed=seed)
        assert np.array_equal(session.run(array), expected(array))
    assert "launch" not in tensorrt.gpu.calls


def test_tensorrt_rtx_is_not_recorded(monkeypatch, hyper_analysis: bytes, expected) -> None:
    found = StandIn(Gpu(), "1.7.1")
    install(monkeypatch, found, "tensorrt_rtx")
    session = TensorRtNative("tensorrt_rtx", 1).load(hyper_analysis, "it", ONE)
    assert np.array_equal(session.run(latent(4, 6)), session.run(latent(4, 6)))
    assert "launch" not in found.gpu.calls


def test_graphs_of_any_size_get_an_engine_for_each(tensorrt: StandIn, hyper_analysis: bytes, expected) -> None:
    session = TensorRtNative("tensorrt", 1).load(hyper_analysis, "it")
    sizes = [(2, 2), (2, 3), (2, 4), (2, 5), (2, 6), (2, 2)]
    for size in sizes:
        array = latent(*size)
        assert np.array_equal(session.run(array), expected(array))
    assert tensorrt.builds == 5  # the first one was dropped meanwhile, and comes back out of the cache
    with pytest.raises(ModelError, match="has 1 inputs, not 2"):
        session.run(latent(2, 2), latent(2, 2))


def test_threads_take_turns(tensorrt: StandIn, hyper_analysis: bytes, expected) -> None:
    session = TensorRtNative("tensorrt", 1).load(hyper_analysis, "it", RANGE)
    arrays = [latent(1 + seed % 3, 2, seed=seed) for seed in range(12)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(session.run, arrays))
    assert all(np.array_equal(result, expected(array)) for result, array in zip(results, arrays, strict=True))


def test_memory_is_given_back(tensorrt: StandIn, hyper_analysis: bytes) -> None:
    session = TensorRtNative("tensorrt", 1).load(hyper_analysis, "it", RANGE)
    for size in ((1, 1), (8, 8), (2, 2)):
        session.run(latent(*size))
        gc.collect()
        assert len(tensorrt.gpu.there) == len(tensorrt.gpu.here) == 2
    del session
    gc.collect()
    assert tensorrt.gpu.there == tensorrt.gpu.here == {}


def test_a_full_gpu_is_a_lack_of_memory_and_recovers(tensorrt: StandIn, hyper_analysis: bytes, expected) -> None:
    session = TensorRtNative("tensorrt", 1).load(hyper_analysis, "it", RANGE)
    tensorrt.gpu.left = 1 << 14
    with pytest.raises(MemoryError):
        session.run(latent(8, 8))
    tensorrt.gpu.left = 1 << 30
    for size in ((8, 8), (1, 1)):
        assert np.array_equal(session.run(latent(*size)), expected(latent(*size)))


def test_inputs_that_do_not_fit_are_refused(tensorrt: StandIn, hyper_analysis: bytes, expected) -> None:
    session = TensorRtNative("tensorrt", 1).load(hyper_analysis, "it", RANGE)
    with pytest.raises(ModelError, match="it takes 1x384x1x1 to 1x384x8x8, and got 1x384x9x8; export the model with"):
        session.run(latent(9, 8))
    with pytest.raises(ModelError, match="takes float32, and got float64"):
        session.run(latent(2, 2).astype(np.float64))
    with pytest.raises(ModelError, match="has 1 inputs, not 2"):
        session.run(latent(2, 2), latent(2, 2))
    assert np.array_equal(session.run(latent(2, 2)), expected(latent(2, 2)))


def test_engines_that_read_this_sides_memory_are_refused(tensorrt: StandIn, hyper_analysis: bytes, monkeypatch) -> None:
    """TensorRT would read sizes at an address of the GPU."""
    monkeypatch.setattr(Engine, "get_tensor_location", lambda self, name: "here")
    with pytest.raises(ModelError, match="it computes sizes from numbers of its inputs"):
        TensorRtNative("tensorrt", 1).load(hyper_analysis, "it", RANGE)


def test_engines_and_timings_come_from_the_cache(tensorrt: StandIn, hyper_analysis: bytes, cache: Path) -> None:
    for _ in range(2):
        TensorRtNative("tensorrt", 1).load(hyper_analysis, "it", RANGE)
    assert tensorrt.builds == 1
    backend = TensorRtNative("tensorrt", 1)
    timings = machine_key(backend._tensorrt, DRIVER.devices[0])
    assert engine_cache.read(timings) == b"timed;"
    backend.load(hyper_analysis, "it", ONE)
    assert tensorrt.builds == 2
    assert engine_cache.read(timings) == b"timed;timed;"  # the second build began with those of the first
    assert len(list(cache.iterdir())) == 3


def test_an_engine_that_does_not_load_any_more_is_built_again(tensorrt: StandIn, hyper_analysis: bytes) -> None:
    backend = TensorRtNative("tensorrt", 1)
    key = engine_key(backend._tensorrt, DRIVER.devices[0], hyper_analysis, RANGE)
    assert engine_cache.write(key, b'{"of": "another driver"}')
    runtime, loads = backend._owned["runtime"], []

    def load(plan: bytes):
        loads.append(plan)
        return None if len(loads) == 1 else runtime.deserialize_cuda_engine(plan)

    backend._owned["runtime"] = type("Runtime", (), {"deserialize_cuda_engine": staticmethod(load)})
    backend.load(hyper_analysis, "it", RANGE).run(latent(2, 2))
    assert tensorrt.builds == 1
    assert engine_cache.read(key) == loads[1] != loads[0]
    tensorrt.broken = True
    backend._owned["runtime"] = runtime
    with pytest.raises(BackendError, match="tensorrt built an engine for it that it does not load"):
        backend.load(hyper_analysis, "it", ONE)


def test_a_codec_runs_on_it(tensorrt: StandIn) -> None:
    """Whole pictures, with `--device tensorrt`: same stream, same pixels as on the engine that the stand-in runs."""
    rgb = np.random.default_rng(0).integers(0, 256, (48, 40, 3), np.uint8)
    there = Codec(load_bundle(find("default")), open_backend("tensorrt", 1), 1)
    here = Codec.load("default", "cpu", 1)
    data = there.encode(rgb)
    assert data == here.encode(rgb)
    assert np.array_equal(there.decode(data), here.decode(data))
    engine = there.engine
    assert (engine["engine"], engine["version"], engine["device"]) == ("tensorrt", "10.3.0", "Orin")


def test_the_stand_in_has_no_names_that_tensorrt_lacks(tensorrt_rtx) -> None:
    ours = StandIn(Gpu())
    engine = {name for name in vars(Engine) if not name.startswith("_")} | {"num_io_tensors"}
    pairs = [
        ({name for name in dir(ours) if name[0].isupper()} | {"nptype", "__version__"}, [tensorrt_rtx]),
        (vars(ours.Builder(None)), [tensorrt_rtx.Builder]),
        (set(vars(ours.config())) - {"pools", "profiles", "cache"}, [tensorrt_rtx.IBuilderConfig]),
        (vars(ours.OnnxParser(None, None)), [tensorrt_rtx.OnnxParser]),
        (vars(ours.Runtime(None)), [tensorrt_rtx.Runtime]),
        (engine, [tensorrt_rtx.ICudaEngine, tensorrt_rtx.IExecutionContext]),
    ]
    assert [name for names, real in pairs for name in names if not any(hasattr(each, name) for each in real)] == []


def test_the_stand_in_has_no_names_that_cuda_python_lacks() -> None:
    runtime = pytest.importorskip("cuda.bindings.runtime")
    names = [name for name in dir(Gpu()) if name.startswith("cuda")]
    assert len(names) > 10
    assert [name for name in names if not hasattr(runtime, name)] == []


def test_everything_is_let_go_before_python_ends(tmp_path: Path) -> None:
    """What TensorRT destroys must find Python and the driver alive: contexts, then engines, then the runtime."""
    program = f"""
import atexit, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
import pytest
from references import gpu_stand_in as stand_in
stand_in.Engine.__del__ = lambda self: print("engine")
found = stand_in.StandIn(stand_in.Gpu())
class Runtime:
    def __init__(self, logger):
        self.deserialize_cuda_engine = stand_in.StandIn.Runtime(found, logger).deserialize_cuda_engine
    def __del__(self):
        print("runtime")
found.Runtime = Runtime
atexit.register(lambda: print("python ends"))  # before anything of ours is registered, so it comes last
stand_in.install(pytest.MonkeyPatch(), found)
from licrt.runtime.backends import Shapes
from licrt.runtime.backends.tensorrt_native import TensorRtNative
from licrt.runtime.models import EMBEDDED
backend = TensorRtNative("tensorrt", 1)
shapes = {{"input": Shapes(*[(1, 384, 2, 2)] * 3)}}
session = backend.load((EMBEDDED / "default" / "hyper_analysis.onnx").read_bytes(), "it", shapes)
print("loaded", len(found.gpu.there))
"""
    environment = os.environ | {"LICRT_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split("\n") == ["loaded 0", "engine", "runtime", "python ends", ""]


def test_old_versions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, StandIn(Gpu(), "8.5.2"))
    with pytest.raises(BackendError, match=r"tensorrt is version 8\.5\.2, and 10 or later is needed"):
        TensorRtNative("tensorrt", 1)


def test_cuda_python_is_named_where_it_is_missing(tensorrt: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cuda", "cuda.bindings", "cuda.bindings.runtime"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BackendError, match=r"cuda-python cannot be imported \(.*\)"):
        TensorRtNative("tensorrt", 1)
