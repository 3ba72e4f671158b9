"""New processes: what comes out first, their memory, and what they say when they fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from licrt.runtime.bench.coldstart import cold_start, starts
from licrt.runtime.errors import BackendError

PHOTOGRAPH = Path(__file__).parents[3] / "examples" / "photo.webp"


def test_a_new_process_is_not_charged_with_this_ones_memory() -> None:
    weight = np.ones(600 << 20, np.uint8)  # 600 MiB, resident
    ((start,),) = starts([("info", "--help")], 1)
    assert weight[-1] == 1
    assert start.seconds > 0
    assert start.peak_bytes is not None
    assert 4 << 20 < start.peak_bytes < 400 << 20


def test_encoding_takes_engine_and_model() -> None:
    small = cold_start("info", "--help")
    start = cold_start("encode", str(PHOTOGRAPH), "-o", "-", "--quiet")
    assert start.seconds > small.seconds / 2
    assert start.peak_bytes > small.peak_bytes + (20 << 20)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("decode", "missing.lci", "-o", "-"), "ended with code 6: lic-run: cannot read missing.lci"),
        (("models", "--add", "nowhere"), "ended with code 4"),
    ],
)
def test_failures_are_named(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(BackendError, match=message):
        cold_start(*arguments)
