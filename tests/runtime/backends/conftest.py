"""A cache of its own for each test, and graphs of the embedded model."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest
from conftest import lane

from licrt.runtime.models import EMBEDDED

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where engines go."""
    monkeypatch.setenv("LICRT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "engines"


@pytest.fixture(scope="session")
def hyper_analysis() -> bytes:
    """A graph that takes float32 `[1, 384, height, width]`."""
    return (EMBEDDED / "default" / "hyper_analysis.onnx").read_bytes()


@pytest.fixture(scope="session")
def tensorrt_rtx() -> ModuleType:
    """The module, which builds engines without a GPU; never make a `Runtime` of it where there is no driver."""
    lane("tensorrt")
    return importlib.import_module("tensorrt_rtx")
