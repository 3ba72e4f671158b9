"""Every conformance stream decodes to what is expected, whatever the kernels and the threads."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from conformance.compare import difference, differences, refused_differences
from conformance.observe import HERE, MODELS, STREAMS, Options, digest, loader, read_expected
from licrt.runtime import Codec
from licrt.runtime.entropy import available_kernels
from licrt.trainer.models import ARCHITECTURES


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("kernels", available_kernels())
def test_integers_are_those_expected_on_every_path(arch: str, kernels: str, monkeypatch) -> None:
    monkeypatch.setenv("LICRT_CPU", kernels)
    codec = Codec.load(MODELS / arch, threads=1)
    assert codec.engine["kernels"] in (kernels, "none")  # factorised models have nothing to run them on
    for name, expected in read_expected(STREAMS).items():
        if name.partition("/")[0] != arch:
            continue
        data = (STREAMS / f"{name}.lci").read_bytes()
        for threads in (1, 2):
            decoded = codec.decode_symbols(data, threads=threads)
            assert digest(decoded.latent) == expected["symbols"]
            assert digest(decoded.indexes) == expected["indexes"]
            assert digest(decoded.y_hat) == expected["latents"]
            assert (None if decoded.hyper is None else digest(decoded.hyper)) == expected.get("hyper_symbols")
            assert np.array_equal(codec.decode_latents(data, threads=threads), decoded.y_hat)


def test_observe_says_that_all_is_as_expected() -> None:
    """The program as others run it: with the runtime alone, from another folder."""
    done = subprocess.run(
        [sys.executable, HERE / "observe.py", "--threads", "2"], cwd="/", check=True, capture_output=True, text=True
    )
    observation = json.loads(done.stdout)
    assert list(differences(STREAMS, observation["streams"]["streams"])) == []
    assert list(refused_differences(observation["refused"])) == []
    assert all("pixels" in entry for entry in observation["streams"]["streams"].values())
    assert observation["environment"]["threads"] == 2
    assert done.stderr == ""


def test_observe_needs_no_training_stack() -> None:
    program = (
        "import sys; sys.argv = ['observe.py', '--help']; import runpy, contextlib\n"
        "observe = runpy.run_path(sys.argv[0])\n"
        "observe['observe'](observe['Options'](None, 1, 'basic'), [])\n"
        "print(sorted({'torch', 'onnx', 'pytest', 'licrt.runtime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=HERE, check=True, capture_output=True, text=True)
    assert done.stdout == "['licrt.runtime']\n"


def test_a_decoder_that_is_wrong_is_found() -> None:
    """Each number of an entry counts: an observation that differs in one of them is told apart."""
    (name, expected), *_ = read_expected(STREAMS).items()
    assert difference(expected, {**expected, "pixels": 1}) == ""
    assert difference(expected, {**expected, "pixels": 2}) == "pixels differ by 2 levels"
    for key, value in expected.items():
        if key in ("bytes", "picture"):
            continue
        wrong = {**value, "sha256": "0" * 64} if isinstance(value, dict) else f"not {value}"
        assert difference(expected, {**expected, key: wrong}) == f"other {key.replace('_', ' ')}"
    only_crc = {**expected, "latents": {"crc32": expected["latents"]["crc32"]}}
    assert difference(expected, only_crc) == ""
    assert difference(expected, {**expected, "latents": {"count": expected["latents"]["count"]}}) == "other latents"
    assert dict(differences(STREAMS, {}))[name] == "was not decoded"


def test_a_broken_decoder_is_reported_and_not_hidden() -> None:
    load = loader(Options(None, 1, "all"))
    from conformance.observe import decode

    data = bytearray((STREAMS / "mbt2018" / "mountain.lci").read_bytes())
    data[-1] ^= 1
    entry = decode(load("mbt2018"), bytes(data))
    assert entry["error"].startswith("FormatError: ")
    assert difference(read_expected(STREAMS)["mbt2018/mountain"], entry) == entry["error"]
