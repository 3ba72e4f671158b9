"""Decoding with the hyper-synthesis on an accelerator, for which ONNX Runtime on the CPU stands in."""

from __future__ import annotations

import dataclasses
import logging
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import numpy as np
import pytest
from references.carried_bundles import CONFORMANCE, HYPERPRIORS, carried_bundle, network_of_model

from hostile.accelerator import always_faster
from licrt.export.carried import carried_graph
from licrt.runtime import _native, carried
from licrt.runtime.backends.onnxruntime_cpu import OnnxRuntimeCpu
from licrt.runtime.bundle import load_bundle
from licrt.runtime.carried import CARRIED
from licrt.runtime.carried_graph import MOST_SIDE, ROLE, CarriedGraph
from licrt.runtime.codec import Codec
from licrt.runtime.container import read_stream, write_stream
from licrt.runtime.errors import BackendError, MismatchError, ModelError
from licrt.runtime.integer import to_blob

MODEL = "mbt2018-mean-vbr"
STREAM = (CONFORMANCE / "streams" / MODEL / "mountain-q37.lci").read_bytes()
OTHER_POINT = (CONFORMANCE / "streams" / MODEL / "mountain-q100.lci").read_bytes()
LATENTS = Codec.load(CONFORMANCE / "models" / MODEL, threads=1).decode_latents(STREAM)


class Accelerator(OnnxRuntimeCpu):
    """An engine that counts the hyper-syntheses that it runs, and can be made to give something else."""

    accelerated = True

    def __init__(self):
        super().__init__(1)
        self.loads, self.runs = [], 0
        self.fault = lambda output: output

    def load(self, graph, name, shapes=None, *, exact=False):
        session = super().load(graph, name, shapes, exact=exact)
        if not name.endswith(ROLE):
            return session
        self.loads.append((shapes, exact))
        backend = self

        class Counted:
            def run(self, *inputs):
                backend.runs += 1
                return backend.fault(session.run(*inputs))

        return Counted()


@pytest.fixture
def fast():
    """The accelerator takes less time than the native engine."""
    with always_faster():
        yield


@pytest.fixture
def codec(tmp_path):
    return codec_of(carried_bundle(MODEL, tmp_path))


def codec_of(directory):
    backend = Accelerator()
    codec = Codec(load_bundle(directory), backend, 1)
    codec.backend = backend
    return codec


def decodes(codec, data=STREAM, expected=LATENTS):
    return np.array_equal(codec.decode_latents(data), expected)


def test_a_size_is_tried_when_it_comes_again(codec, fast):
    runs = []
    for _ in range(4):
        assert decodes(codec)
        runs.append(codec.backend.runs)
    assert runs == [0, 2, 3, 4]
    assert codec.engine["hyper-synthesis"] == "carried at 1x2"
    ((shapes, exact),) = codec.backend.loads
    assert exact
    assert shapes["symbols"].least == (1, 8, 1, 1)
    assert shapes["symbols"].most == (1, 8, MOST_SIDE, MOST_SIDE)
    assert list(shapes) == ["symbols", "point"]


def test_other_rate_points_of_a_size_need_no_test_of_their_own(codec, fast):
    for _ in range(3):
        assert decodes(codec)
    plain = Codec.load(CONFORMANCE / "models" / MODEL, threads=1).decode_latents(OTHER_POINT)
    assert decodes(codec, OTHER_POINT, plain)
    assert codec.backend.runs == 4


def test_it_is_used_only_where_it_is_faster(codec, monkeypatch):
    times = (value for start in count(0, 10) for value in (start, start + 1, start + 4, start + 6))
    monkeypatch.setattr(carried, "perf_counter", lambda: next(times))
    assert all(decodes(codec) for _ in range(4))
    assert codec.backend.runs == 2
    assert codec.engine["hyper-synthesis"] == "native"


def test_encoders_use_the_native_engine(codec, fast):
    for _ in range(3):
        assert decodes(codec)
    picture = codec.decode(STREAM)
    before = codec.backend.runs
    data = codec.encode(picture, quality=37)
    assert codec.backend.runs == before
    assert data == Codec.load(CONFORMANCE / "models" / MODEL, threads=1).encode(picture, quality=37)


def test_no_accelerator_no_carried_synthesis(tmp_path):
    codec = Codec.load(carried_bundle(MODEL, tmp_path), threads=1)
    assert "hyper-synthesis" not in codec.engine
    assert all(decodes(codec) for _ in range(3))
    assert codec._parser._carried._session is None


def test_another_network_fails_the_test(tmp_path, fast, caplog):
    """One that differs by one in one bias of the last layer."""
    network = network_of_model(MODEL)
    last = network.layers[-1]
    bias = last.bias.copy()
    bias[-1] += 1 << int(last.shift[-1])
    wrong = dataclasses.replace(network, layers=(*network.layers[:-1], dataclasses.replace(last, bias=bias)))
    codec = codec_of(carried_bundle(MODEL, tmp_path, carried_graph(wrong)))
    assert all(decodes(codec) for _ in range(4))
    assert codec.backend.runs == 2
    reason = "it differs from the native engine for hyper-latents of 1 x 2"
    assert codec.engine["hyper-synthesis"] == f"native, because {reason}"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert reason in record.getMessage()
    with pytest.raises(MismatchError):
        codec.decode_latents(STREAM, path=CARRIED)


@pytest.mark.parametrize("amount", [1, 40])
def test_wrong_latents_are_parsed_again_natively(codec, fast, caplog, amount):
    """An engine that goes wrong after the test: indexes off by one, and so far off that payloads make no sense."""
    for _ in range(3):
        assert decodes(codec)
    codec.backend.fault = lambda output: np.where(output < 20, output + amount, output).astype(np.float32)
    assert decodes(codec)
    assert decodes(codec)
    assert codec.backend.runs == 4
    assert codec.engine["hyper-synthesis"] == "native, because it gave other latents than the encoder had"
    assert len(caplog.records) == 1


def failing(output):
    raise BackendError("the device was lost")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (failing, "the device was lost"),
        (lambda output: output * np.nan, "gives numbers that its model does not have"),
        (lambda output: output + 64, "gives numbers that its model does not have"),
        (lambda output: output[:, :, :-1], r"gives \[20, 3, 8\] for 1 x 2 symbols"),
        (lambda output: output.astype(np.float64), "gives float64"),
    ],
)
@pytest.mark.parametrize("after", [0, 3])
def test_engines_that_fail_are_left(codec, fast, caplog, fault, words, after):
    for _ in range(after):
        assert decodes(codec)
    codec.backend.fault = fault
    assert all(decodes(codec) for _ in range(4))
    assert codec.backend.runs in (1, 2, 4)
    assert codec.engine["hyper-synthesis"].startswith("native, because ")
    (record,) = caplog.records
    assert record.getMessage().endswith("; latents are parsed natively, and right")
    with pytest.raises((BackendError, ModelError), match=words):
        codec.decode_latents(STREAM, path=CARRIED)


def test_damaged_streams_are_what_they_are_without(codec, fast):
    for _ in range(3):
        assert decodes(codec)
    with pytest.raises(MismatchError):
        codec.decode_latents(write_stream(dataclasses.replace(read_stream(STREAM), latent_crc=1)))
    assert codec.engine["hyper-synthesis"] == "carried at 1x2"


def test_sizes_that_are_remembered_are_few(codec, fast, monkeypatch):
    monkeypatch.setattr(carried, "_MOST_SIZES", 3)
    synthesis, zeros = codec._parser._accelerated, np.zeros((8, 1, 9), np.int32)
    for width in (*range(1, 8), 1):
        synthesis.predict(np.ascontiguousarray(zeros[:, :, :width]), 4, 4 * width, 1, 0)
    assert list(synthesis._sizes) == [(1, 6), (1, 7), (1, 1)]
    assert codec.backend.runs == 0


@pytest.mark.parametrize("name", HYPERPRIORS)
@pytest.mark.parametrize("size", [(1, MOST_SIDE + 1), (3 * MOST_SIDE, 5)])
def test_large_hyper_latents_are_cut_into_tiles(name, size, tmp_path):
    """What comes out is what the whole gives, and no engine sees more than it was built for."""
    directory, network = carried_bundle(name, tmp_path), network_of_model(name)
    native, seen = _native.Network(to_blob(network)), []

    class Watching(OnnxRuntimeCpu):
        def load(self, graph, name, shapes=None, *, exact=False):
            session = super().load(graph, name, shapes, exact=exact)

            class Watched:
                def run(self, *inputs):
                    seen.append(inputs[0].shape[2:])
                    return session.run(*inputs)

            return Watched()

    z = carried.far_symbols((network.input_offset.size, *size))
    cropped = 4 * size[0] - 1, 4 * size[1] - 2
    found = CarriedGraph(load_bundle(directory), Watching(1), native).run(z, *cropped, network.rate_points - 1)
    expected = native.run(z, *cropped, 1, network.rate_points - 1)
    assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))
    assert len(seen) > 1
    assert max(max(sides) for sides in seen) <= MOST_SIDE


def test_many_threads_at_once(codec):
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: decodes(codec), range(40)))
    assert codec.backend.runs >= 2
    assert len(codec.backend.loads) == 1


@pytest.mark.parametrize("name", HYPERPRIORS)
def test_conformance_streams(name, tmp_path):
    """Of every architecture, decoded with the carried synthesis alone."""
    codec = Codec.load(carried_bundle(name, tmp_path), threads=1)
    for path in sorted((CONFORMANCE / "streams" / name).glob("*.lci")):
        data = path.read_bytes()
        assert CARRIED in codec.entropy_paths()
        decoded, plain = codec.decode_symbols(data, path=CARRIED), codec.decode_symbols(data)
        for field in dataclasses.fields(decoded):
            assert np.array_equal(getattr(decoded, field.name), getattr(plain, field.name)), (path, field.name)


@pytest.mark.gpu
@pytest.mark.parametrize("name", HYPERPRIORS)
def test_conformance_streams_on_a_gpu(name, gpu_backend, tmp_path):
    codec = Codec(load_bundle(carried_bundle(name, tmp_path)), gpu_backend, 1)
    for path in sorted((CONFORMANCE / "streams" / name).glob("*.lci")):
        data = path.read_bytes()
        assert np.array_equal(codec.decode_latents(data, path=CARRIED), codec.decode_latents(data)), path


def test_models_without_it_say_how_to_get_it():
    codec = Codec.load(CONFORMANCE / "models" / MODEL, threads=1)
    assert CARRIED not in codec.entropy_paths()
    with pytest.raises(ModelError, match=r"no hyper-synthesis for .* Run: export-model … --target tensorrt"):
        codec.decode_latents(STREAM, path=CARRIED)


def test_verify_names_it(tmp_path):
    from click.testing import CliRunner

    from licrt.runtime.cli import main

    directory, file = carried_bundle(MODEL, tmp_path), CONFORMANCE / "streams" / MODEL / "mountain-q37.lci"
    outcome = CliRunner().invoke(main, ["verify", str(file), "-m", str(directory)])
    lines = outcome.stdout.splitlines()
    assert outcome.exit_code == 0
    assert sum(line.startswith("carried, CPUExecutionProvider") for line in lines) == 1
    assert lines[-1] == f"all {len(lines) - 2} paths agree"
