"""Codecs that stay loaded: few, the right ones, and one per process."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from references.tiny_photo import photo

from licrt.runtime import Codec, decode, shared
from licrt.runtime.bundle import load_bundle
from licrt.runtime.container import read_stream, write_stream
from licrt.runtime.errors import BackendError, ModelError
from licrt.runtime.models import EMBEDDED
from licrt.runtime.shared import LIMIT, shared_codec


@pytest.fixture
def bundle(tmp_path):
    return shutil.copytree(EMBEDDED / "default", tmp_path / "bundle")


def test_threads_that_come_together_load_once(bundle, monkeypatch) -> None:
    loaded: list[int] = []
    barrier = threading.Barrier(8, timeout=60)

    class Counted(Codec):
        def __init__(self, *arguments) -> None:
            loaded.append(1)
            super().__init__(*arguments)

    monkeypatch.setattr(shared, "Codec", Counted)

    def take(_) -> Codec:
        barrier.wait()
        return shared_codec(bundle, threads=1)

    with ThreadPoolExecutor(8) as pool:
        codecs = list(pool.map(take, range(8)))
    assert len(set(map(id, codecs))) == 1
    assert loaded == [1]


def test_names_of_one_model_share_a_codec() -> None:
    codec = shared_codec("default", threads=1)
    assert shared_codec(codec.info.id, threads=1) is shared_codec(EMBEDDED / "default", threads=1) is codec
    assert shared_codec("default", threads=2) is not codec


def test_a_bundle_that_changed_is_loaded_again(bundle) -> None:
    """Even if its id stays the same, as it does where only a graph or the default rate is another one."""
    before = shared_codec(bundle, threads=1)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["metric"] = "ms-ssim"
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    after = shared_codec(bundle, threads=1)
    assert after is not before
    assert (before.info.metric, after.info.metric) == ("mse", "ms-ssim")
    assert shared_codec(bundle, threads=1) is after


def test_only_the_last_few_stay(bundle) -> None:
    first = shared_codec(bundle, threads=1)
    for threads in range(2, LIMIT + 1):
        shared_codec(bundle, threads=threads)
    assert shared_codec(bundle, threads=1) is first  # used just now, so it is the last to go
    for threads in range(LIMIT + 1, 2 * LIMIT):
        shared_codec(bundle, threads=threads)
    assert shared_codec(bundle, threads=1) is first
    for threads in range(2, LIMIT + 2):
        shared_codec(bundle, threads=threads)
    assert shared_codec(bundle, threads=1) is not first


def test_failures_are_not_remembered(bundle, tmp_path) -> None:
    tensors = bundle / "entropy.safetensors"
    data = tensors.read_bytes()
    tensors.write_bytes(data[:-1])
    with pytest.raises(ModelError):
        shared_codec(bundle)
    tensors.write_bytes(data)
    shared_codec(bundle)
    with pytest.raises(ModelError):
        shared_codec(tmp_path / "nowhere")
    with pytest.raises(BackendError):
        shared_codec(bundle, "nowhere")


def test_bundles_are_keys() -> None:
    one, other = (load_bundle(EMBEDDED / "default") for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != dataclasses.replace(one, manifest={})


def test_decode_takes_the_model_that_the_stream_names() -> None:
    codec = shared_codec(threads=1)
    data = codec.encode(photo(20, 30))
    assert np.array_equal(decode(data, threads=1), codec.decode(data))
    foreign = write_stream(dataclasses.replace(read_stream(data), model_id=bytes(16)))
    with pytest.raises(ModelError, match="not found"):
        decode(foreign)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_forked_children_start_anew() -> None:
    """With two threads per codec, so that there are threads to lose, while another thread is loading a model."""
    program = """
import os, signal, threading
import numpy as np
from licrt.runtime import decode
from licrt.runtime.shared import shared_codec

codec = shared_codec(threads=2)
data = codec.encode(np.full((300, 200, 3), 99, np.uint8))
expected = decode(data, threads=2)
done = threading.Event()

def load():
    while not done.is_set():
        for threads in range(3, 9):
            shared_codec(threads=threads)

loader = threading.Thread(target=load)
loader.start()
children = []
for _ in range(6):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        good = np.array_equal(decode(data, threads=2), expected) and shared_codec(threads=2) is not codec
        os._exit(0 if good else 1)
    children.append(child)
done.set()
loader.join()
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120, env=dict(os.environ)
    )
    assert result.stdout == "[0, 0, 0, 0, 0, 0]\n"
