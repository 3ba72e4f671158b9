"""LICRT_REQUIRE turns a missing lane from a skip into a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def session(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A session of a repository with these fixtures, data beside it, and one test that needs an oracle elsewhere."""
    here = Path(__file__).parent
    tests = tmp_path / "repository" / "tests"
    tests.mkdir(parents=True)
    (tmp_path / "shared" / "data").mkdir(parents=True)
    (tests / "conftest.py").write_text((here / "conftest.py").read_text())
    (tests / "oracle").symlink_to(here / "oracle")
    (tests.parent / "evaluation").symlink_to(here.parent / "evaluation")
    (tests / "test_one.py").write_text("def test_one(shared_data, oracle):\n    assert oracle\n")
    clean = {name: value for name, value in os.environ.items() if name not in {"LICRT_REQUIRE", "LICRT_ORACLE"}}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_one.py"]
    return subprocess.run(command, cwd=tests, env=clean | environment, capture_output=True, text=True, check=False)


def test_missing_lane_skips(tmp_path: Path) -> None:
    result = session(tmp_path)
    assert result.returncode == 0
    assert "1 skipped" in result.stdout


@pytest.mark.parametrize(
    ("required", "message"),
    [("oracle", "LICRT_REQUIRE names oracle, but"), ("data,orcale", "LICRT_REQUIRE: unknown lane 'orcale'")],
)
def test_missing_lane_fails_where_required(required: str, message: str, tmp_path: Path) -> None:
    result = session(tmp_path, LICRT_REQUIRE=required)
    assert result.returncode == 1
    assert message in result.stdout + result.stderr
