"""What must hold on a machine with a GPU, for every engine that it has. Untested on hardware so far."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from conformance.compare import differences
from conformance.observe import MODELS, STREAMS, decode_folder
from licrt.runtime import Codec
from licrt.runtime.backends import Shapes, default_threads, tensorrt_native
from licrt.runtime.backends.choice import find_engines
from licrt.runtime.backends.onnxruntime_cpu import OnnxRuntimeCpu
from licrt.runtime.bundle import load_bundle
from licrt.runtime.models import EMBEDDED
from licrt.runtime.selftest import selftest, synthetic_picture

if TYPE_CHECKING:
    from licrt.runtime.backends import Backend

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("driver")]


def test_some_engine_works() -> None:
    assert any(found.backend for found in find_engines(default_threads()) if found.engine.device != "cpu")


def test_conformance_streams_have_the_cpus_latents_and_pixels_within_a_level(gpu_backend: Backend, cache) -> None:
    @functools.cache
    def load(arch: str) -> Codec:
        return Codec(load_bundle(MODELS / arch), gpu_backend, default_threads())

    assert list(differences(STREAMS, dict(decode_folder(STREAMS, load, {})))) == []


def test_streams_of_this_encoder_decode_on_the_cpu(gpu_backend: Backend, cache) -> None:
    rgb = synthetic_picture(200, 304)
    there = Codec(load_bundle(EMBEDDED / "default"), gpu_backend, default_threads())
    here = Codec.load("default", "cpu")
    data, latents = there.encode_with_latents(rgb)
    assert np.array_equal(here.decode_latents(data), latents)
    assert np.abs(here.decode(data).astype(int) - there.decode(data)).max() <= 1


def test_runs_agree_with_the_cpu_at_changing_sizes(gpu_backend: Backend, hyper_analysis: bytes, cache) -> None:
    shapes = {"input": Shapes((1, 384, 1, 1), (1, 384, 16, 16), (1, 384, 40, 40))}
    there, here = gpu_backend.load(hyper_analysis, "it", shapes), OnnxRuntimeCpu(1).load(hyper_analysis, "it")
    random = np.random.default_rng(0)
    for size in [(16, 16), (40, 3), (1, 1), (16, 16), (40, 40), (16, 16)] * 2:
        latent = random.standard_normal((1, 384, *size), np.float32)
        expected = here.run(latent)
        assert np.abs(there.run(latent) - expected).max() <= 1e-4 * max(1.0, np.abs(expected).max())


def test_runs_of_one_size_agree_when_they_are_recorded(gpu_backend: Backend, hyper_analysis: bytes, cache) -> None:
    """Without TF32: its products have 11 bits, which 1e-4 of the largest value tells apart."""
    size = (1, 384, 24, 16)
    session = gpu_backend.load(hyper_analysis, "it", {"input": Shapes(size, size, size)})
    here = OnnxRuntimeCpu(1).load(hyper_analysis, "it")
    random = np.random.default_rng(0)
    for _ in range(4):
        latent = random.standard_normal(size, np.float32)
        expected = here.run(latent)
        assert np.abs(session.run(latent) - expected).max() <= 1e-4 * max(1.0, np.abs(expected).max())


def test_engines_come_back_from_the_cache(gpu_backend: Backend, hyper_analysis: bytes, cache, monkeypatch) -> None:
    if not isinstance(gpu_backend, tensorrt_native.TensorRtNative):
        pytest.skip("onnxruntime keeps its own")
    size = (1, 384, 8, 8)
    latent = np.random.default_rng(0).standard_normal(size, np.float32)
    first = gpu_backend.load(hyper_analysis, "it", {"input": Shapes(size, size, size)}).run(latent)

    def build(*arguments: object) -> None:
        raise AssertionError("it was in the cache")

    monkeypatch.setattr(tensorrt_native, "build_engine", build)
    again = gpu_backend.load(hyper_analysis, "it", {"input": Shapes(size, size, size)})
    assert np.array_equal(again.run(latent), first)


def test_the_selftest_agrees(gpu_backend: Backend, cache) -> None:
    result = selftest(default_threads())
    assert result["ok"], result["engines"]
    assert sum(engine["works"] for engine in result["engines"].values()) > 1
