"""`lic-run doctor --selftest`: what the owner of a board sends back."""

from __future__ import annotations

import json
import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner
from references.gpu_stand_in import Gpu, StandIn, install

from licrt.runtime import selftest
from licrt.runtime.backends import choice
from licrt.runtime.backends.choice import Engine
from licrt.runtime.backends.onnxruntime_cpu import OnnxRuntimeCpu
from licrt.runtime.cli import main
from licrt.runtime.errors import BackendError
from licrt.runtime.selftest import impersonal, synthetic_picture

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A small picture, few runs, and a cache of its own."""
    for name, value in (("HEIGHT", 48), ("WIDTH", 64), ("REPEAT", 2)):
        monkeypatch.setattr(selftest, name, value)
    monkeypatch.setenv("LICRT_CACHE", str(tmp_path / "cache"))


class Changed(OnnxRuntimeCpu):
    """An engine that is wrong."""

    def __init__(self, threads: int, role: str, change: Callable[[Any], Any]) -> None:
        super().__init__(threads)
        self.role, self.change = role, change

    def load(self, graph: bytes, name: str, *arguments, **options):
        session = super().load(graph, name, *arguments, **options)
        if not name.endswith(f"/{self.role}"):
            return session
        return type("Session", (), {"run": lambda _, *inputs: self.change(session.run(*inputs))})()


def add(monkeypatch: pytest.MonkeyPatch, role: str, change: Callable[[Any], Any]) -> None:
    engine = Engine("wrong", "cuda", lambda threads: Changed(threads, role, change))
    monkeypatch.setattr(choice, "ENGINES", (choice.ENGINES[0], engine))


def test_the_cpu_agrees_with_itself() -> None:
    result = selftest.selftest(2)
    assert result["ok"]
    cpu = result["engines"]["onnxruntime"]
    assert (cpu["works"], cpu["agrees"], cpu["largest_pixel_difference"]) == (True, True, 0)
    assert set(cpu["encode"]["stages"]) == {"analysis", "hyper-analysis", "entropy-encode", "container"}
    assert set(cpu["decode"]["stages"]) == {"container", "entropy-decode", "synthesis"}
    assert all(cpu[direction][time] > 0 for direction in ("encode", "decode") for time in ("first", "median"))
    assert json.loads(json.dumps(result)) == result


def test_a_gpu_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    tensorrt = StandIn(Gpu())
    install(monkeypatch, tensorrt)
    seen: list[str] = []
    result = selftest.selftest(1, seen.append)
    assert result["ok"]
    assert (result["engines"]["tensorrt"]["device"], result["engines"]["tensorrt"]["agrees"]) == ("Orin", True)
    assert seen == [engine.name for engine in choice.ENGINES]
    assert result["gpu"] == {"driver": "12.6", "devices": [{"name": "Orin", "capability": "8.7", "memory": 7 << 30}]}
    assert tensorrt.builds == 3


def test_pixels_that_differ_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, "synthesis", lambda pixels: pixels + np.float32(2.0 / 255))
    result = selftest.selftest(1)
    wrong = result["engines"]["wrong"]
    assert not result["ok"]
    assert (wrong["largest_pixel_difference"], wrong["latents_of_the_cpus_stream_equal"]) == (2, True)


def test_encoders_may_differ_and_still_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """The float half of an encoder gives other latents on other machines, and every decoder the same of its stream."""
    add(monkeypatch, "analysis", lambda latent: latent * np.float32(1.01))
    result = selftest.selftest(1)
    other = result["engines"]["wrong"]
    assert result["ok"]
    assert other["latents_encoded_otherwise"] > 0
    assert other["latents_of_its_stream_equal_on_the_cpu"]


def test_failures_are_told_without_directories(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(output: Any) -> Any:
        raise BackendError("cannot load /home/ada lovelace/lib/libx.so.1: no such file")

    monkeypatch.setattr(Path, "home", lambda: Path("/home/ada lovelace"))
    add(monkeypatch, "synthesis", fail)
    result = selftest.selftest(1)
    assert not result["ok"]
    assert result["engines"]["wrong"]["error"] == "BackendError: cannot load libx.so.1: no such file"


def test_nothing_personal_is_in_it() -> None:
    text = json.dumps(selftest.selftest(1))
    assert not re.search(r"/\w+/", text)
    assert str(Path.home()) not in text
    assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("libcudnn.so.9: cannot open shared object file", "libcudnn.so.9: cannot open shared object file"),
        ("ImportError: /opt/x/lib-1.2/y.so (needed by '/srv/z/a.so')", "ImportError: y.so (needed by 'a.so')"),
        ("CUDA 12.6 / 13.0", "CUDA 12.6 / 13.0"),
    ],
)
def test_impersonal(text: str, expected: str) -> None:
    assert impersonal(text) == expected


def test_the_picture_is_always_the_same() -> None:
    picture = synthetic_picture(64, 96)
    assert np.array_equal(picture, synthetic_picture(64, 96))
    assert 100 < picture.mean() < 156
    assert picture.std() > 20


def test_the_command_writes_json(tmp_path: Path) -> None:
    target = tmp_path / "selftest.json"
    run = CliRunner()
    done = run.invoke(main, ["doctor", "--selftest", "-o", str(target), "-j", "1"])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "onnxruntime: latents equal, pixels within 1 level; encode" in done.stderr
    result = json.loads(target.read_text())
    assert (result["format"], result["version"], result["machine"]["threads"]) == ("licrt-selftest", 1, 1)
    assert run.invoke(main, ["doctor", "--selftest", "-o", str(target)]).exit_code == 6
    printed = run.invoke(main, ["doctor", "--selftest"])
    assert json.loads(printed.stdout)["ok"]
    assert run.invoke(main, ["doctor", "-o", str(target)]).exit_code == 2


def test_the_command_fails_with_4_where_engines_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, "synthesis", lambda pixels: pixels + np.float32(2.0 / 255))
    done = CliRunner().invoke(main, ["doctor", "--selftest"])
    assert done.exit_code == 4
    assert json.loads(done.stdout)["ok"] is False
    assert "wrong: DIFFERS from the CPU" in done.stderr


def test_the_command_fails_with_5_without_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    done = CliRunner().invoke(main, ["doctor", "--selftest"])
    assert (done.exit_code, done.stdout) == (5, "")
    assert "pip install 'licrt[cpu]'" in done.stderr
