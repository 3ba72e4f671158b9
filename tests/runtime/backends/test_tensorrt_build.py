"""Engines of the embedded model, built by `tensorrt_rtx`, which needs no GPU for that."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from references.gpu_stand_in import DRIVER

from licrt.runtime.backends import Shapes, engine_cache
from licrt.runtime.backends.tensorrt_build import TensorRt, _flags, build_engine, import_tensorrt
from licrt.runtime.backends.tensorrt_native import engine_key
from licrt.runtime.errors import BackendError, ModelError
from licrt.runtime.models import EMBEDDED

if TYPE_CHECKING:
    from pathlib import Path

LATENT = Shapes((1, 384, 4, 4), (1, 384, 16, 16), (1, 384, 32, 48))
SHAPES = {
    "analysis": Shapes((1, 3, 64, 64), (1, 3, 256, 256), (1, 3, 512, 768)),
    "hyper_analysis": LATENT,
    "synthesis": LATENT,
}


@pytest.fixture
def tensorrt(tensorrt_rtx) -> TensorRt:
    return import_tensorrt("tensorrt_rtx")


def graph(role: str) -> bytes:
    return (EMBEDDED / "default" / f"{role}.onnx").read_bytes()


@pytest.mark.parametrize("role", SHAPES)
def test_graphs_build_for_one_shape_and_for_many(role: str, tensorrt: TensorRt) -> None:
    many = {"input": SHAPES[role]}
    one = {"input": Shapes(*[SHAPES[role].best] * 3)}
    for shapes in (many, one):
        built = build_engine(tensorrt, graph(role), role, shapes)
        assert len(built.engine) > 0.5 * len(graph(role))  # weights are in it
        assert built.timings is None  # this module times nothing


class Watched:
    """An object of TensorRT's, but for some attributes."""

    def __init__(self, real: object, **others: object) -> None:
        self.real = real
        vars(self).update(others)

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


def test_engines_are_strongly_typed_and_without_tf32(tensorrt: TensorRt) -> None:
    trt, seen = tensorrt.api, []

    def builder(logger):
        real = trt.Builder(logger)

        def build(network, config):
            seen.append(network.get_flag(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
            seen.append(config.get_flag(trt.BuilderFlag.TF32))
            seen.append(config.get_memory_pool_limit(trt.MemoryPoolType.WORKSPACE))
            seen.append(config.num_optimization_profiles)
            return real.build_serialized_network(network, config)

        return Watched(real, build_serialized_network=build)

    watched = tensorrt._replace(api=Watched(trt, Builder=builder))
    build_engine(watched, graph("hyper_analysis"), "it", {"input": LATENT})
    assert seen == [True, False, 1 << 30, 1]


def test_version_11_has_no_flag_for_what_it_always_does(tensorrt: TensorRt) -> None:
    for flags in (None, object()):
        without = Watched(tensorrt.api, NetworkDefinitionCreationFlag=flags)
        assert _flags(without) == 0
    assert _flags(tensorrt.api) == 1 << int(tensorrt.api.NetworkDefinitionCreationFlag.STRONGLY_TYPED)


def test_what_cannot_be_built_says_why(tensorrt: TensorRt) -> None:
    for data, shapes, message in (
        (b"nonsense", {}, r"tensorrt_rtx [\d.]+ cannot read it: .*Failed to parse"),
        (graph("synthesis"), {}, "it has inputs input, but shapes are given of none"),
        (graph("synthesis"), {"x": LATENT}, "it has inputs input, but shapes are given of x"),
        (graph("synthesis"), {"input": Shapes(*[(1, 384, 1 << 70, 1)] * 3)}, r"it cannot be built for Shapes\(least="),
        (graph("synthesis"), {"input": Shapes(LATENT.most, LATENT.best, LATENT.least)}, r"must ascend"),
        (graph("analysis"), {"input": LATENT}, r"cannot build an engine for it: .*profile has min=384"),
    ):
        with pytest.raises(ModelError, match=message):
            build_engine(tensorrt, data, "it", shapes)


def test_engines_come_back_from_the_cache(tensorrt: TensorRt, cache: Path) -> None:
    """All but what needs a device: a real engine, its key, its file."""
    (orin,) = DRIVER.devices
    shapes = {"input": LATENT}
    built = build_engine(tensorrt, graph("hyper_analysis"), "it", shapes)
    key = engine_key(tensorrt, orin, graph("hyper_analysis"), shapes)
    assert engine_cache.write(key, built.engine)
    assert engine_cache.read(key) == built.engine
    others = [
        engine_key(tensorrt, orin, graph("synthesis"), shapes),
        engine_key(tensorrt, orin, graph("hyper_analysis"), {"input": Shapes(LATENT.least, LATENT.best, LATENT.best)}),
        engine_key(tensorrt._replace(name="tensorrt"), orin, graph("hyper_analysis"), shapes),
        {**key, "version": "10.3.0"},
        {**key, "compute_capability": "8.9"},
        {**key, "precision": "strongly typed"},
    ]
    assert [engine_cache.read(other) for other in others] == [None] * len(others)
    path = cache / engine_cache.file_name(key)
    path.write_bytes(path.read_bytes()[:-1])
    assert engine_cache.read(key) is None


def test_modules_that_are_missing_or_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(BackendError, match=r"tensorrt cannot be imported \(.*\)"):
        import_tensorrt("tensorrt")
