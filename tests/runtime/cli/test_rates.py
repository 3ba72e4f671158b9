"""`lic-run` with a model of variable rate that has a context model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from references.synthetic import write_bundle

from licrt.runtime import read_info

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of such a model, which is found by it."""
    models = tmp_path / "models"
    models.mkdir()
    write_bundle(models / "variable", ["checkerboard", "wavefront"], rate_points=3)
    monkeypatch.setenv("LICRT_MODEL_PATH", str(models))
    return "variable"


def test_encode_with_a_quality(model: str, photo: Path, tmp_path: Path, lic_run: Callable) -> None:
    for quality, point in ((None, 1), (0, 0), (50, 1), (100, 2)):
        options = [] if quality is None else ["-q", str(quality)]
        assert lic_run("encode", photo, "-m", model, *options, "-o", "out.lci", "-f").code == 0
        data = (tmp_path / "out.lci").read_bytes()
        assert read_info(data).rate_point == point
        assert lic_run("decode", "out.lci", "-o", "out.png", "-f").code == 0
        info = lic_run("info", "out.lci")
        assert f"rate_point      {point}\n" in info.stdout.decode()
        assert json.loads(lic_run("info", "out.lci", "--json").stdout)["rate_point"] == point


@pytest.mark.parametrize("quality", ["-1", "101", "high", "2.5"])
def test_qualities_that_are_none_are_2(model: str, photo: Path, lic_run: Callable, quality: str) -> None:
    outcome = lic_run("encode", photo, "-m", model, f"--quality={quality}")
    assert outcome.code == 2
    assert "--quality" in outcome.stderr


def test_verify_takes_every_path(model: str, photo: Path, lic_run: Callable) -> None:
    assert lic_run("encode", photo, "-m", model, "-q", "80", "-o", "out.lci").code == 0
    outcome = lic_run("verify", "out.lci")
    assert outcome.code == 0
    assert "paths agree" in outcome.stdout.decode()
    assert "scalar, 1 thread" in outcome.stdout.decode()


def test_models_tells_how_many_rate_points_there_are(model: str, lic_run: Callable) -> None:
    rows = {row["name"]: row["rate_points"] for row in json.loads(lic_run("models", "--json").stdout)}
    assert (rows["variable"], rows["tiny-0"]) == (3, 1)
    lines = lic_run("models").stdout.decode().splitlines()
    column = lines[0].index("rate_points")
    assert next(line for line in lines if line.startswith("variable"))[column] == "3"
