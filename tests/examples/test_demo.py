"""The demo's arithmetic: rivals get as many bytes as there are, no more, and the verdict follows the numbers."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from types import ModuleType

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def original(demo: ModuleType) -> np.ndarray:
    with Image.open(demo.PHOTOGRAPH) as image:
        return np.array(image.convert("RGB").crop((300, 200, 364, 264)))


@pytest.mark.parametrize("name", ["JPEG", "WebP"])
def test_rivals_get_the_best_quality_that_fits(demo: ModuleType, original: np.ndarray, name: str) -> None:
    options, qualities = demo.RIVALS[name]

    def size(quality: int) -> int:
        file = io.BytesIO()
        Image.fromarray(original).save(file, name.upper(), quality=quality, **options)
        return len(file.getvalue())

    budget = size(60)
    result = demo.measure_rival(name, original, budget)
    assert result.size == budget
    assert result.psnr(original) > 20
    assert demo.measure_rival(name, original, 1).setting == f"quality {qualities[0]}"


def test_the_verdict_follows_the_numbers(demo: ModuleType) -> None:
    original = np.full((8, 8, 3), 100, np.uint8)

    def result(name: str, size: int, level: int, decode: float) -> object:
        return demo.Result(name, "", size, np.full((8, 8, 3), level, np.uint8), 1.0, decode)

    ours, worse, better = result("licrt", 100, 102, 1.0), result("A", 99, 104, 0.5), result("B", 80, 101, 0.1)
    assert ours.psnr(original) == pytest.approx(10 * np.log10(255**2 / 4))
    assert demo.verdict([ours, worse, better], original) == (
        "In PSNR, licrt's embedded model wins 6.02 dB over A and loses 6.02 dB to B (with 20% fewer bytes); "
        "it decodes 2 to 10 times as slowly."
    )
