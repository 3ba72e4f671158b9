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
NAMES = ["residual", "means_first", "magnitude", "autoregressive", "checkerboard"]
# CompressAI's environment comes last on the path: everything that is in both is this environment's.
EXPORT = """
import sys
folder, path, *names = sys.argv[1:]
sys.path += path.split(":")
from licrt.export.cli import main
for name in names:
    main(["--model", f"custom_models:{name}", "-o", f"{folder}/{name}", "-j", "1"], standalone_mode=False)
"""


@pytest.fixture(scope="module")
def bundles(oracle_packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all models' bundles."""
    folder = tmp_path_factory.mktemp("bundles")
    command = [sys.executable, "-c", EXPORT, folder, f"{PEERS}:{oracle_packages}", *NAMES]
    done = subprocess.run(command, cwd=ORACLE, capture_output=True, text=True, check=False, env=quiet())
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("native engine: equal to the numpy reference") == len(NAMES)
    return folder


@pytest.mark.oracle
@pytest.mark.parametrize("name", NAMES)
def test_they_export_and_code_a_picture(name: str, bundles: Path) -> None:
    codec = Codec.load(bundles / name, "cpu", 1)
    pixels = photo(70, 90)
    data = codec.encode(pixels)
    assert codec.decode(data).shape == pixels.shape
    for path in codec.entropy_paths():
        assert np.array_equal(codec.decode_latents(data, path=path), codec.decode_latents(data))


def quiet() -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": "1"}
