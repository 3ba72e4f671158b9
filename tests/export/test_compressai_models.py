"""Models made of CompressAI's own classes: `export-model --model custom_models:NAME`, where both are installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from references.tiny_photo import photo

from licrt.runtime import Codec

ORACLE = Path(__file__).parents[1] / "oracle"
PEERS = Path(__file__).parents[2] / "evaluation" / "peers" / "oracle"
# CompressAI's environment comes last on the path: everything that is in both is this environment's.
EXPORT = "import sys; sys.path += sys.argv.pop(1).split(':'); from licrt.export.cli import main; main()"


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["residual", "means_first", "magnitude", "autoregressive", "checkerboard"])
def test_they_export_and_code_a_picture(name: str, oracle_packages: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", EXPORT, f"{PEERS}:{oracle_packages}", "--model", f"custom_models:{name}"]
    arguments = ["-o", str(tmp_path / name), "-j", "1"]
    done = subprocess.run([*command, *arguments], cwd=ORACLE, capture_output=True, text=True, check=False, env=quiet())
    assert done.returncode == 0, done.stderr
    assert "native engine: equal to the numpy reference" in done.stderr
    codec = Codec.load(tmp_path / name, "cpu", 1)
    pixels = photo(70, 90)
    data = codec.encode(pixels)
    assert codec.decode(data).shape == pixels.shape
    for path in codec.entropy_paths():
        assert np.array_equal(codec.decode_latents(data, path=path), codec.decode_latents(data))


def quiet() -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": "1"}
