"""Exports to ONNX by the hundred."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from torch.onnx._internal.exporter._registration import ONNXRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def operators_listed_once() -> Iterator[None]:
    """Before each export, torch lists all operators that it knows, which takes as long as exporting a small network.

    The list depends on nothing but the opset, and nothing here changes it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(cache(ONNXRegistry.from_torchlib)))
        yield
