"""A bundle taken apart, to be changed and put together again with every hash and the model id made to fit."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save

from licrt.runtime.bundle import model_id
from licrt.runtime.errors import LicrtError
from licrt.runtime.tensors import read_safetensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TENSORS, MANIFEST = "entropy.safetensors", "manifest.json"


@dataclass
class Draft:
    """What will be a bundle.

    Attributes:
        manifest: everything that `manifest.json` says; hashes and id are made to fit at the end.
        tensors: what `entropy.safetensors` holds, unless `files` has it as bytes.
        files: the graphs' bytes, by name.
        text: bytes of `manifest.json`, or None for those of `manifest`.
        finish: called with the directory when all files are there; for links, devices and the like.
    """

    manifest: Any
    tensors: dict[str, np.ndarray]
    files: dict[str, bytes]
    text: Callable[[bytes], bytes] | None = None
    finish: Callable[[Path], None] | None = None


def read(directory: Path) -> Draft:
    """Take a bundle apart."""
    manifest = json.loads((directory / MANIFEST).read_bytes())
    files = {name: (directory / name).read_bytes() for name in manifest["files"]}
    tensors = {name: np.array(array) for name, array in read_safetensors(files.pop(TENSORS)).items()}
    return Draft(manifest, tensors, files)


def write(draft: Draft, directory: Path) -> None:
    """Put a bundle together in an empty directory."""
    files = draft.files
    if TENSORS not in files:
        ordered = {name: np.ascontiguousarray(array) for name, array in draft.tensors.items()}
        files = {**files, TENSORS: save(ordered)}
    for name, data in files.items():
        (directory / name).write_bytes(data)
    _fit(draft.manifest, files)
    text = json.dumps(draft.manifest).encode()
    (directory / MANIFEST).write_bytes(draft.text(text) if draft.text else text)
    if draft.finish:
        draft.finish(directory)


def _fit(manifest: Any, files: dict[str, bytes]) -> None:
    """Make hashes and id fit, as far as the manifest still has places for them."""
    try:
        for name, data in files.items():
            if name in manifest["files"]:
                manifest["files"][name]["sha256"] = hashlib.sha256(data).hexdigest()
        identity = model_id(read_safetensors(files[TENSORS]), manifest["entropy"], manifest["synthesis_sha256"])
        if "id" in manifest:
            manifest["id"] = identity
    except (LicrtError, LookupError, TypeError, AttributeError, ValueError, RecursionError):
        pass  # it is damaged in such a way that no reader gets that far
