"""Fixtures for what lives outside the repository: CompressAI, and the data beside the checkout.

Tests that need one of them are skipped where it is missing. ``LICRT_REQUIRE=oracle,data`` makes a session fail
instead, so that a check that should have run cannot quietly disappear.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
from oracle_protocol import Oracle  # noqa: E402

# Each lane: the path that it needs, and how to get it.
LANES = {
    "oracle": (
        Path(os.environ.get("LICRT_ORACLE", ROOT / ".venv-oracle")) / "bin" / "python",
        "run tests/oracle/create.sh",
    ),
    "data": (ROOT.parent / "shared" / "data", "put the project's data folder there"),
}


def lane(name: str) -> Path:
    """Path of a lane, or skips the test."""
    path, remedy = LANES[name]
    if not path.exists():
        pytest.skip(f"{name}: {path} is missing; {remedy}")
    return path


def pytest_sessionstart() -> None:
    for name in filter(None, os.environ.get("LICRT_REQUIRE", "").split(",")):
        if name not in LANES:
            pytest.exit(f"LICRT_REQUIRE: unknown lane {name!r}, expected some of {', '.join(LANES)}", returncode=1)
        path, remedy = LANES[name]
        if not path.exists():
            pytest.exit(f"LICRT_REQUIRE names {name}, but {path} is missing; {remedy}", returncode=1)


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """CompressAI in its own process: ``oracle("encode", symbols=…, …)``, calls in tests/oracle/oracle_calls.py."""
    with closing(Oracle(lane("oracle"))) as process:
        yield process


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of pictures and checkpoints beside the repository."""
    return lane("data")
