"""What starting costs: modules that a call loads, seen from fresh interpreters."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from licrt.runtime.container import LATENT, Section, Stream, write_stream

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("numpy", "PIL", "onnxruntime", "torch", "onnx", "onnxscript")


def loaded_by(code: str, *arguments: str | Path) -> tuple[set[str], str]:
    """Heavy modules loaded after some code ran, and what it printed."""
    probe = f"import sys\n{code}\nprint(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)"
    command = [sys.executable, "-c", probe, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stderr.split()), done.stdout


RUN = "from licrt.runtime.cli import main\nmain(standalone_mode=False)"


def test_importing_the_runtime_loads_nothing() -> None:
    assert loaded_by("import licrt.runtime")[0] == set()


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], *([name, "--help"] for name in ("encode", "decode", "info", "verify", "flatten"))],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    modules, printed = loaded_by(RUN, *arguments)
    assert modules == set()
    assert printed.startswith(("Usage: ", "lic-run "))


def test_info_loads_nothing_heavy(tmp_path: Path) -> None:
    path = tmp_path / "a.lci"
    path.write_bytes(write_stream(Stream(5, 4, bytes(16), 0, (Section(LATENT, 1, bytes(8)),))))
    modules, printed = loaded_by(RUN, "info", path)
    assert modules == set()
    assert "width           5" in printed


def test_encoding_and_decoding_load_no_training_stack(tmp_path: Path) -> None:
    code = """
import numpy
from licrt.runtime import Codec, available_models, decode, read_info
data = Codec.load().encode(numpy.zeros((20, 30, 3), numpy.uint8))
assert decode(data).shape == (20, 30, 3)
assert read_info(data).model_id.hex() in [model.id for model in available_models()]
"""
    assert loaded_by(code)[0] == {"numpy", "onnxruntime"}


def test_exports_are_real() -> None:
    import licrt.runtime

    for name in licrt.runtime.__all__:
        assert getattr(licrt.runtime, name) is not None
        assert name in dir(licrt.runtime)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = licrt.runtime.nonsense
