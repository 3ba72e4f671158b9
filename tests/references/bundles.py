"""Bundles of this repository that tests name."""

from pathlib import Path

# Of one rate, which the embedded model is not.
SINGLE_RATE = Path(__file__).parents[2] / "conformance" / "models" / "mbt2018-mean"
