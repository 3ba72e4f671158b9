"""Files that must be refused are, by `lic-run decode`, with the exit code that they say and one line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conformance.compare import read_refused, refused_differences
from conformance.observe import MODELS, REFUSED, Options, decode_refused, loader


def test_every_file() -> None:
    loader(Options(None, 1, "all"))
    observed = dict(decode_refused())
    assert observed.keys() == read_refused().keys()
    assert list(refused_differences(observed)) == []


@pytest.mark.parametrize("name", ["cut-in-body", "latent-crc", "too-many-pixels", "wrong-model"])
def test_as_a_process(name: str, tmp_path) -> None:
    expected = read_refused()[f"{name}.lci"]
    command = ["decode", REFUSED / f"{name}.lci", "-m", MODELS / expected["model"], "-o", tmp_path / "a.png"]
    done = subprocess.run(
        [sys.executable, "-m", "licrt.runtime", *command], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (expected["exit_code"], "", 1)
    assert not list(tmp_path.iterdir())


def test_a_wrong_code_is_found() -> None:
    name, expected = next(iter(read_refused().items()))
    right = {"exit_code": expected["exit_code"], "lines": 1, "output": False}
    assert list(refused_differences({name: right})) == []
    for wrong in ({"exit_code": 0}, {"lines": 0}, {"lines": 2}, {"output": True}):
        assert len(list(refused_differences({name: {**right, **wrong}}))) == 1
