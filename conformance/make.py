"""Writes the conformance files, once: `python -m conformance.make [TARGET ...]`.

A target is `pictures`, an architecture (its model and its streams) or `refused`; all of them unless told. Nothing that
exists is ever written again: what is here is what decoders of all versions are held to. README.md says what to do for a
new architecture, or a new version of the format. Tests and CI do not run this.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # the tiny models, and the coder in Python

from conformance.making import models, pictures, refused, streams, sums
from conformance.observe import MODELS, PICTURES, REFUSED, STREAMS, read_expected, write_expected
from licrt.export.float_model import float_model


def main() -> None:
    """Write the targets, none of which may be there."""
    targets = ("pictures", *models.architectures(), "refused")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(targets))
    chosen = parser.parse_args().targets or targets
    for target in chosen:
        if target not in targets:
            parser.error(f"{target} is no target; expected some of: {', '.join(targets)}")
        for folder in folders(target):
            if folder.exists():
                parser.error(f"{folder} exists; conformance files are written once. README.md says how to add some")
    for target in chosen:
        print(f"writing {target}", file=sys.stderr)
        for folder in folders(target):
            folder.parent.mkdir(exist_ok=True)
        write(target)
    sums.add()


def folders(target: str) -> tuple[Path, ...]:
    """Return the folders of a target."""
    return {"pictures": (PICTURES,), "refused": (REFUSED,)}.get(target, (MODELS / target, STREAMS / target))


def write(target: str) -> None:
    """Write one target."""
    if target == "pictures":
        PICTURES.mkdir()
        pictures.write_pictures(PICTURES)
    elif target == "refused":
        REFUSED.mkdir()
        refused.write_refused(REFUSED)
    else:
        model = models.make_model(target)
        models.write_bundle(model, MODELS / target)
        (STREAMS / target).mkdir()
        written = streams.write_streams(streams.Source(float_model(model).synthesis, MODELS / target, STREAMS / target))
        before = read_expected(STREAMS) if (STREAMS / "expected.json").exists() else {}
        write_expected(STREAMS, {**before, **written})


if __name__ == "__main__":
    main()
