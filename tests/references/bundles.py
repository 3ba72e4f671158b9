"""Bundles with other contents and every hash made to fit, as an attacker would."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from safetensors.numpy import load, save

from licrt.runtime.bundle import model_id

# Of one rate, which the embedded model is not.
SINGLE_RATE = Path(__file__).parents[2] / "conformance" / "models" / "mbt2018-mean"


def edit(directory, change) -> None:
    """Change the manifest."""
    path = directory / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def forge(directory, change) -> None:
    """Change tensors and manifest."""
    tensors = load((directory / "entropy.safetensors").read_bytes())
    tensors = {name: array.copy() for name, array in tensors.items()}

    def refit(manifest: dict) -> None:
        change(tensors, manifest)
        data = save(tensors)
        (directory / "entropy.safetensors").write_bytes(data)
        manifest["files"]["entropy.safetensors"]["sha256"] = hashlib.sha256(data).hexdigest()
        manifest["id"] = model_id(tensors, manifest["entropy"], manifest["synthesis_sha256"])

    edit(directory, refit)


def replace_graph(directory, role: str, graph: bytes) -> None:
    """Put another graph in place of one."""
    (directory / f"{role}.onnx").write_bytes(graph)
    digest = hashlib.sha256(graph).hexdigest()
    edit(directory, lambda manifest: manifest["files"][f"{role}.onnx"].update(sha256=digest))
