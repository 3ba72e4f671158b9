"""What each width of the integer networks costs: rate and PSNR against the float model, on photographs.

    .venv/bin/python benchmarks/integer_widths.py PICTURES_DIRECTORY CHECKPOINT...

Prints the table of docs/adr/0002-widths.md: extra rate in percent, the largest PSNR loss of a picture in dB, and the
percentage of latents that changed. Ranges come from the shipped calibration set.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from licrt.export.calibration import PHOTOS, calibrate, read_photos
from licrt.export.check import cost, samples
from licrt.export.float_model import float_model
from licrt.export.integers import quantise
from licrt.export.quantise import ESCALATION
from licrt.trainer.checkpoint import load_checkpoint


def main() -> None:
    """Quantise every checkpoint at every width and code every picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    arguments = parser.parse_args()
    calibration, pictures = read_photos(PHOTOS / "calibration"), read_photos(arguments.pictures)
    print(f"| checkpoint | {' | '.join(widths.name for widths in ESCALATION)} |")
    print(f"|---|{'---|' * len(ESCALATION)}")
    for path in arguments.checkpoints:
        model = float_model(load_checkpoint(path))
        ranges = calibrate(model, calibration)
        photographs = samples(model, pictures)
        cells = []
        for widths in ESCALATION:
            if model.hyper and model.hyper.groups and widths.accumulator_bits != 32:
                cells.append("-")
                continue
            measured = cost(model, quantise(model, ranges, widths), photographs)
            worst = max(measured.psnr_losses_db)
            cells.append(f"{measured.rate_percent:+.3f} / {worst:.4f} / {measured.changed_percent:.2f}")
        print(f"| {path.name.split('.')[0]} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
