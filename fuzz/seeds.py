"""Writes inputs to start from: the blobs, flat models, streams and bundles of small models of each kind.

    PYTHONPATH=tests python fuzz/seeds.py FOLDER

The folders in FOLDER are called like the targets; `fuzz/corpus` has these inputs, and was grown from them.
"""

from __future__ import annotations

import json
import struct
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import readers
from references.synthetic import KINDS, write_bundle
from references.tiny_photo import photo

from licrt.runtime import Codec, context
from licrt.runtime.bundle import load_bundle
from licrt.runtime.container import HYPER_LATENT, LATENT, read_stream
from licrt.runtime.exact import load_exact_half
from licrt.runtime.flat import flatten
from licrt.runtime.integer import to_blob

if TYPE_CHECKING:
    from licrt.runtime.exact import Tables

EXPORTED = Path(__file__).parent.parent / "conformance" / "models" / "licrt2026" / "hyper_analysis.onnx"
SCALES = np.exp(np.linspace(np.log(0.11), np.log(4), 5))


def coder_seed(tables: Tables, channels: int, plane: int, payload: bytes) -> bytes:
    """Return an input of coder_decode: symbols of one lane, each with the table of its channel."""
    count, stride = tables.cdf.shape
    rows = [
        struct.pack(f"<{2 + stride}i", length, offset, *row)
        for row, length, offset in zip(tables.cdf, tables.lengths, tables.offsets, strict=True)
    ]
    indexes = np.repeat(np.arange(channels, dtype=np.uint8), plane).tobytes()
    return bytes([192 + count - 1, stride - 3]) + b"".join(rows) + bytes([0, len(indexes)]) + indexes + payload


def for_tensorrt(manifest: bytes) -> bytes:
    """Return the manifest of a bundle as an export for TensorRT writes it: sizes and types, and one graph more."""
    fields = json.loads(manifest)
    graphs, entropy = fields["graphs"], fields["entropy"]
    units = {"analysis": entropy["stride"], "synthesis": 1, "hyper_analysis": entropy["hyper_stride"]}
    for role, unit in units.items():
        least = 1 if role == "hyper_analysis" else unit
        shapes = {"least": [least] * 2, "best": [4 * unit] * 2, "most": [8 * unit] * 2}
        graphs[role] |= {"precision": "fp16", "shapes": shapes}
        if role != "hyper_analysis":
            graphs[role]["pixels"] = "uint8"
    fields["files"]["hyper_synthesis.onnx"] = {"bytes": 0, "sha256": "0" * 64}
    graphs["hyper_synthesis"] = {"file": "hyper_synthesis.onnx", "halo": 1}
    return json.dumps(fields | {"target": "tensorrt"}).encode()


def seeds(directory: Path, options: dict) -> dict[str, bytes]:
    """Return a seed for each target that takes something of a bundle, which is written to `directory`."""
    bundle = load_bundle(write_bundle(directory, channels=2, scales=SCALES, **options))
    stream = Codec.load(directory, threads=1).encode(photo(21, 34), icc=b"profile")
    flat = flatten(bundle)
    manifest, tensors = ((directory / name).read_bytes() for name in ("manifest.json", "entropy.safetensors"))
    made = {
        "decoder": struct.pack("<I", len(flat)) + flat + stream,
        "readers": b"b" + readers.join_bundle(manifest, tensors),
        "readers stream": b"c" + stream,
    }
    half = load_exact_half(bundle)
    hyper = half.hyper
    section = read_stream(stream).body(HYPER_LATENT if hyper else LATENT)
    made["coder_decode"] = coder_seed(half.prior, len(half.medians), 3 * 5 if hyper else 6 * 9, section)
    if hyper and not hyper.context:
        made["readers for tensorrt"] = b"b" + readers.join_bundle(for_tensorrt(manifest), tensors)
    if not hyper:
        made["readers graph"] = b"g" + (directory / "synthesis.onnx").read_bytes()
    if hyper:
        made["network"] = bytes([2, 4, 2, 3, 1, 0, *b"seed"]) + to_blob(hyper.network)
    if hyper and hyper.context:
        made["context"] = bytes([4, 6, 1, 0, 0, *b"seed"]) + context.to_blob(hyper.context)
    return made


def main(folder: Path) -> None:
    """Write the seeds of all kinds of models."""
    with tempfile.TemporaryDirectory() as bundles:
        for kind, options in KINDS.items():
            name = kind.replace(" ", "-")
            for what, data in seeds(Path(bundles) / name, options).items():
                target, *kind = what.split()
                (folder / target).mkdir(parents=True, exist_ok=True)
                (folder / target / "-".join(("real", name, *kind))).write_bytes(data)
    (folder / "readers" / "real-exported-graph").write_bytes(b"g" + EXPORTED.read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
