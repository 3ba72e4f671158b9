"""Writes a bundle of every kind of model that a decoder has to tell apart, made without training, into a new FOLDER.

The last ones are exported for TensorRT: pictures as bytes, fp16, a size of its own for each graph, a float-carried
hyper-synthesis, with a choice of rate points and without.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from references.synthetic import KINDS, write_bundle
from references.tiny import tiny_model

from licrt.export.bundle import Labels, export_bundle
from licrt.export.target import TensorRt, parse_tile

TENSORRT = {"mbt2018-mean": TensorRt("fp16", parse_tile("128")), "mbt2018-mean-vbr": TensorRt("fp16")}

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    for kind, options in KINDS.items():
        write_bundle(folder / kind.replace(" ", "-"), **options)
    for arch, target in TENSORRT.items():
        export_bundle(tiny_model(arch), Labels(arch, arch), folder / f"{arch}-for-tensorrt", check=False, target=target)
