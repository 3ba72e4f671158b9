"""Writes a bundle of every kind of model that a decoder has to tell apart, made without training, into a new FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from references.synthetic import KINDS, write_bundle

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    for kind, options in KINDS.items():
        write_bundle(folder / kind.replace(" ", "-"), **options)
