"""Bundles with a float-carried hyper-synthesis, made of the conformance models."""

from __future__ import annotations

import hashlib
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from references.bundles import edit

from licrt.export.carried import carried_graph
from licrt.export.carried_halo import carried_halo
from licrt.runtime.bundle import load_bundle
from licrt.runtime.exact import load_exact_half
from licrt.runtime.models import DEFAULT, find

if TYPE_CHECKING:
    from licrt.runtime.integer import Network

CONFORMANCE = Path(__file__).parents[2] / "conformance"
HYPERPRIORS = sorted(path.parent.name for path in CONFORMANCE.glob("models/*/hyper_analysis.onnx"))


@cache
def network_of_model(name: str) -> Network:
    """The hyper-synthesis of a conformance model, or of the embedded one, `default`."""
    half = load_exact_half(load_bundle(find(name) if name == DEFAULT else CONFORMANCE / "models" / name))
    assert half.hyper
    return half.hyper.network


def carried_bundle(name: str, folder: Path, graph: bytes | None = None) -> Path:
    """Copy a conformance model, with its own carried graph or another."""
    directory = folder / name
    shutil.copytree(CONFORMANCE / "models" / name, directory)
    data = carried_graph(network_of_model(name)) if graph is None else graph
    (directory / "hyper_synthesis.onnx").write_bytes(data)

    def add(manifest: dict) -> None:
        entry = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        manifest["files"]["hyper_synthesis.onnx"] = entry
        manifest["graphs"]["hyper_synthesis"] = {
            "file": "hyper_synthesis.onnx",
            "halo": carried_halo(network_of_model(name)),
        }

    edit(directory, add)
    return directory
