"""report.py and golden.py on this machine: steps that succeed, that fail, and that print no JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from licrt.runtime import Codec

ROOT = Path(__file__).resolve().parents[3]
STEPS = ["doctor", "golden", "verify", "bench"]


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """The scripts, with a small golden picture."""
    for name in ("report.py", "golden.py"):
        shutil.copy(ROOT / "distribution" / "jetson" / name, tmp_path)
    with Image.open(ROOT / "examples" / "photo.webp") as image:
        image.crop((300, 200, 365, 250)).save(tmp_path / "photo.webp", lossless=True)
        rgb = np.asarray(image.crop((300, 200, 365, 250)).convert("RGB"))
    codec = Codec.load("default")
    (tmp_path / "golden.lci").write_bytes(codec.encode(rgb))
    decoded = codec.decode(codec.encode(rgb))
    Image.fromarray(decoded).save(tmp_path / "golden.png")
    return tmp_path


def report(kit: Path, code: int) -> dict:
    command = [sys.executable, "report.py", "--repeat", "1", "--output", "report.json"]
    done = subprocess.run(command, check=False, cwd=kit, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1].endswith("Please send back report.json")
    return json.loads((kit / "report.json").read_text())


def test_all_steps_succeed(kit: Path) -> None:
    found = report(kit, 0)
    assert found["ok"]
    assert found["failed"] == []
    assert list(found["steps"]) == STEPS
    golden = found["steps"]["golden"]["result"]
    assert golden["latent_crc"]["here"] == golden["latent_crc"]["encoder"]
    assert (golden["samples"], golden["samples_that_differ"]) == (65 * 50 * 3, 0)
    assert found["steps"]["bench"]["result"]["images"][0]["width"] == 65


@pytest.mark.parametrize(("levels", "failed"), [(1, []), (2, ["golden"])])
def test_one_level_is_allowed_and_two_are_not(kit: Path, levels: int, failed: list[str]) -> None:
    with Image.open(kit / "golden.png") as image:
        rgb = np.array(image)
    rgb[0, 0, 0] ^= levels  # a difference of as many levels, up or down
    Image.fromarray(rgb).save(kit / "golden.png")
    found = report(kit, int(bool(failed)))
    assert found["failed"] == failed
    assert found["steps"]["golden"]["result"]["samples_that_differ"] == 1
    assert found["steps"]["golden"]["result"]["largest_difference"] == levels


def test_step_that_fails_stops_no_other(kit: Path) -> None:
    (kit / "golden.lci").write_bytes(b"not a stream")
    found = report(kit, 1)
    assert found["failed"] == ["golden", "verify"]
    assert not found["ok"]
    assert "FormatError" in found["steps"]["golden"]["stderr"]
    assert found["steps"]["verify"]["exit_code"] == 3
    assert found["steps"]["bench"]["exit_code"] == 0
