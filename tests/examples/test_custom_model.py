"""The example of a custom model as its README has it: trained, exported with checks, and decoded without PyTorch."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from references.tiny_photo import photo

from licrt.runtime import Codec

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_model"
# Decoding in a process in which PyTorch and ONNX cannot be imported.
DECODE = """
import sys
for name in ("torch", "onnx", "onnxscript", "licrt.trainer", "licrt.export"):
    sys.modules[name] = None
from licrt.runtime.cli import main
main(["decode", "photo.lci", "-m", sys.argv[1], "-o", "photo.png"])
"""


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """A checkpoint of 50 steps, and the losses that were printed."""
    checkpoint = tmp_path_factory.mktemp("codec") / "codec.pth.tar"
    options = ("--steps", "50", "--batch", "4", "--crop", "64", "--output", checkpoint)
    said = run(sys.executable, EXAMPLE / "train.py", *options, folder=EXAMPLE).stdout
    return checkpoint, [float(loss) for loss in re.findall(r"loss ([\d.]+)", said)]


def test_training_learns(trained: tuple[Path, list[float]]) -> None:
    _, losses = trained
    assert len(losses) == 6
    assert losses[-1] < losses[0] / 2


def test_its_streams_decode_without_a_training_stack(trained: tuple[Path, list[float]], tmp_path: Path) -> None:
    export = "from licrt.export.cli import main; main()"
    arguments = ("--model", "model:make", "--checkpoint", trained[0], "-o", tmp_path / "codec", "-j", "1")
    done = run(sys.executable, "-c", export, *arguments, folder=EXAMPLE)
    assert "native engine: equal to the numpy reference" in done.stderr  # --check is on
    pixels = photo(75, 130)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    encode = "from licrt.runtime.cli import main; main()"
    run(sys.executable, "-c", encode, "encode", "in.png", "-m", "codec", "-o", "photo.lci", "--verify", folder=tmp_path)
    run(sys.executable, "-c", DECODE, "codec", folder=tmp_path)
    with Image.open(tmp_path / "photo.png") as image:
        decoded = np.asarray(image)
    assert decoded.shape == pixels.shape
    codec = Codec.load(tmp_path / "codec", "cpu", 1)
    assert np.abs(codec.decode((tmp_path / "photo.lci").read_bytes()).astype(int) - decoded).max() <= 1
