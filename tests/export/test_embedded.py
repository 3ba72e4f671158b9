"""The embedded model is what export makes of the checkpoint in this repository."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from licrt.export.bundle import Labels, export_bundle
from licrt.runtime.models import EMBEDDED
from licrt.trainer.checkpoint import load_checkpoint
from licrt.trainer.integers.quantise import Widths

if TYPE_CHECKING:
    from typing import Any

CHECKPOINT = Path(__file__).parents[2] / "checkpoints" / "licrt2026-mse.safetensors"
MAX_BYTES = 10_000_000


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def test_integers_and_identity(tmp_path: Path) -> None:
    """Graphs may differ from one version of PyTorch to the next; what decoders must agree on may not."""
    embedded = manifest(EMBEDDED / "default")
    weight_bits, activation_bits = re.fullmatch(r"w(8|16)a(\d+)", embedded["check"]["widths"]).groups()
    widths = Widths(int(weight_bits), int(activation_bits))
    labels = Labels(embedded["name"], embedded["arch"], None, "mse", embedded["licence"])
    model = load_checkpoint(CHECKPOINT, embedded["arch"])
    assert export_bundle(model, labels, tmp_path / "bundle", check=False, widths=widths) == embedded["id"]
    made = (tmp_path / "bundle" / "entropy.safetensors").read_bytes()
    assert made == (EMBEDDED / "default" / "entropy.safetensors").read_bytes()


def test_size() -> None:
    assert sum(path.stat().st_size for path in (EMBEDDED / "default").iterdir()) <= MAX_BYTES


def test_it_cost_little() -> None:
    check = manifest(EMBEDDED / "default")["check"]
    assert abs(check["rate_percent"]) <= 0.5
    assert check["psnr_loss_db"] <= 0.02
