"""Our training loop and CompressAI's, at small sizes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.oracle
def test_both_sides_learn_alike(oracle, tmp_path: Path) -> None:
    """With the same crops and noise the losses of the first steps are the same but for rounding; both sides fall."""
    photos = ROOT / "examples" / "training" / "photos"
    sizes = ["--channels", "8", "12", "--steps", "13", "--batch", "2"]
    sizes += ["--gradients", "6"]
    command = [sys.executable, ROOT / "benchmarks" / "trainer_parity.py", *sizes, "--pictures", photos]
    done = subprocess.run([*command, "-o", tmp_path / "found.json"], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("mean loss of the last 13 of 13 steps: licrt ")
    apart = re.search(r"gradients at 2 steps: (\S+) of a tensor's largest apart at most", done.stdout)
    assert apart
    assert 0 < float(apart[1]) < 1e-4
    found = json.loads((tmp_path / "found.json").read_text())
    ours, theirs = (np.array(found["losses"][side]) for side in ("licrt", "CompressAI"))
    assert len(ours) == len(theirs) == 13
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)
    assert all(min(found["seconds"][side]) > 0 for side in found["seconds"])
