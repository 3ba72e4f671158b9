"""What narrow integers cost a model, before and after it was trained in them: real bytes and PSNR on photographs.

    python benchmarks/integer_aware.py tune CHECKPOINT PICTURES... -o FOLDER --widths float w8a8 [--steps 300]
    python benchmarks/integer_aware.py measure CHECKPOINT TUNED... --pictures PICTURES [--limit N]
    python benchmarks/integer_aware.py speed CHECKPOINT TUNED

``tune`` trains the entropy path on latents of its frozen analysis, in integers or in floats. The latter is what a model
trained in integers has to be compared with: a checkpoint that was not trained to the end gets better either way.
``measure`` codes every picture with each model in floats and in integers, and with the checkpoint itself in the
integers that export makes at the widths of the tuned ones. ``speed`` runs the hyper-synthesis of both in the native
engine, one thread, in turns. The numbers of docs/integer-aware.md.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from licrt.export.calibration import PHOTOS, Photo, calibrate, read_photos, to_tensor
from licrt.export.check import cost, samples
from licrt.export.float_model import float_model
from licrt.export.integers import as_trained, quantise
from licrt.export.quantise import UNCHECKED
from licrt.runtime._native import Network as NativeNetwork
from licrt.runtime.integer import to_blob
from licrt.runtime.timing import turns
from licrt.trainer.checkpoint import load_checkpoint, save_model
from licrt.trainer.integer_aware import TRANSFORMS, prepare
from licrt.trainer.latent_rate import latent_bits
from licrt.trainer.models.variable_rate import VariableRate

if TYPE_CHECKING:
    from licrt.export.float_model import FloatModel
    from licrt.export.integers import Integers
    from licrt.trainer.models import CompressionModel

SIDE, CALIBRATION = 512, 24  # pixels of a crop; how many crops give the ranges
BATCH, WARMUP = 4, 20


def tune(arguments: argparse.Namespace) -> None:
    """Train the entropy path of a checkpoint at each of the widths, and save the models."""
    pictures = [photo for folder in arguments.pictures for photo in read_photos(folder)]
    crops = [to_tensor(photo[:SIDE, :SIDE]) for photo in pictures if min(photo.shape[:2]) >= SIDE][: arguments.limit]
    original = load_checkpoint(arguments.checkpoint)
    with torch.no_grad():
        latents = torch.cat([original.g_a(crop) for crop in crops])
    arguments.output.mkdir(parents=True, exist_ok=True)
    for widths in arguments.widths:
        torch.manual_seed(0)
        model = load_checkpoint(arguments.checkpoint)
        if widths != "float":
            prepare(model, widths, crops[:CALIBRATION])
        print(f"{widths}: {len(latents)} pictures", flush=True)
        _train(model, latents, arguments)
        model.eval().update(force=True)
        save_model(model, arguments.output / f"{widths}.safetensors", {"steps": str(arguments.steps)})


def _train(model: CompressionModel, latents: torch.Tensor, arguments: argparse.Namespace) -> None:
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(TRANSFORMS) and "quantiles" not in name)
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer, rng, start = torch.optim.Adam(weights), np.random.default_rng(0), time.process_time()
    model.train()
    for step in range(arguments.steps):
        for group in optimizer.param_groups:
            decay = (1 + math.cos(math.pi * step / arguments.steps)) / 2
            group["lr"] = arguments.learning_rate * min(1, (step + 1) / WARMUP) * decay
        top, left = rng.integers(0, 5, 2) * 4
        y = latents[rng.integers(0, len(latents), BATCH)][..., top : top + 16, left : left + 16]
        level = int(rng.integers(len(model.gains))) if isinstance(model, VariableRate) else 0
        bpp = latent_bits(model, y, level) / (BATCH * 256 * 256)
        optimizer.zero_grad()
        bpp.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        if (step + 1) % 50 == 0:
            print(f"step {step + 1}: {bpp.item():.4f} bpp, {time.process_time() - start:.0f} s of CPU", flush=True)


def measure(arguments: argparse.Namespace) -> None:
    """Code every picture with every model, and print totals after each."""
    original = float_model(load_checkpoint(arguments.checkpoint))
    tuned = {path.stem: float_model(load_checkpoint(path)) for path in arguments.tuned}
    analysis = Remembering(original.analysis)  # which is the same in all of them
    original, *same = (replace(model, analysis=analysis) for model in (original, *tuned.values()))
    rows: list[tuple[str, FloatModel, Integers | None]] = [("float", original, None)]
    trained = [model.trained_integers for model in same if model.trained_integers]
    widths = {stored.widths.name: stored.widths for stored in trained}
    ranges = calibrate(original, read_photos(PHOTOS / "calibration"))
    rows += [(f"post-training {name}", original, quantise(original, ranges, each)) for name, each in widths.items()]
    for name, model in zip(tuned, same, strict=True):
        rows.append((f"{name} float", model, None))
        if model.trained_integers:
            rows.append((f"{name} {model.trained_integers.widths.name}", model, as_trained(model)))
    totals = {name: [0, 0.0] for name, _, _ in rows}
    pictures = read_photos(arguments.pictures)[: arguments.limit]
    for number, photo in enumerate(pictures, 1):
        for name, size, psnr in _coded(rows, photo):
            totals[name][0] += size
            totals[name][1] += psnr
        if number % 4 == 0 or number == len(pictures):
            _print(totals, number)


def speed(arguments: argparse.Namespace) -> None:
    """Run the integer hyper-synthesis as trained and as export makes it at its widest, for a picture of 768x512."""
    original, tuned = (float_model(load_checkpoint(path)) for path in (arguments.checkpoint, arguments.tuned))
    networks = {
        UNCHECKED.name: quantise(original, calibrate(original, read_photos(PHOTOS / "calibration")), UNCHECKED).network,
        "as trained": as_trained(tuned).network,
    }
    symbols = np.random.default_rng(3).integers(-3, 4, (len(original.medians), 8, 12), np.int32)
    runs = {}
    for name, network in networks.items():
        native = NativeNetwork(to_blob(network))
        runs[name] = lambda native=native: native.run(symbols, 32, 48, 1, 0)
        print(f"{name}: {sum(layer.weight.nbytes for layer in network.layers)} bytes of weights")
    rounds = turns(runs, arguments.rounds)
    for name in runs:
        times = [row[name] for row in rounds]
        ratio = statistics.median(row[name] / row[UNCHECKED.name] for row in rounds)
        print(f"{name}: {1e3 * statistics.median(times):.2f} ms, {ratio:.2f} x {UNCHECKED.name}")


class Remembering(torch.nn.Module):
    """An analysis that keeps the latent of its last picture."""

    def __init__(self, analysis: torch.nn.Module) -> None:
        super().__init__()
        self.analysis, self.last = analysis, None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the latent of a picture."""
        if self.last is None or not torch.equal(self.last[0], x):
            self.last = x, self.analysis(x)
        return self.last[1]


def _coded(rows: list[tuple[str, FloatModel, Integers | None]], photo: Photo) -> list[tuple[str, int, float]]:
    """Bytes and PSNR of a picture in every row; floats come first for each model."""
    found = []
    for name, model, integers in rows:
        if integers is None:
            (sample,) = samples(model, [photo])
            floats = model, sample
            found.append((name, sample.float_bytes, 10 * math.log10(255**2 / sample.float_mse)))
            continue
        if floats[0] is not model:
            raise AssertionError("the float row of a model comes first")
        measured = cost(model, integers, [floats[1]])
        psnr = 10 * math.log10(255**2 / floats[1].float_mse) - measured.psnr_loss_db
        found.append((name, measured.integer_bytes, psnr))
    return found


def _print(totals: dict[str, list[float]], count: int) -> None:
    first = totals["float"]
    print(f"| {count} pictures | bytes | rate | PSNR dB | difference |\n|---|---|---|---|---|")
    for name, (size, psnr) in totals.items():
        rate, difference = 100 * (size / first[0] - 1), (psnr - first[1]) / count
        print(f"| {name} | {size / count:.0f} | {rate:+.3f} % | {psnr / count:.3f} | {difference:+.4f} |")
    print(flush=True)


def main() -> None:
    """Tune or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    tuning = commands.add_parser("tune")
    tuning.add_argument("checkpoint", type=Path)
    tuning.add_argument("pictures", type=Path, nargs="+")
    tuning.add_argument("-o", "--output", type=Path, required=True)
    tuning.add_argument("--widths", nargs="+", required=True, help="float, w8a8, …")
    tuning.add_argument("--steps", type=int, default=300)
    tuning.add_argument("--limit", type=int, default=100, help="pictures to train on, at most")
    tuning.add_argument("--learning-rate", type=float, default=3e-4)
    tuning.set_defaults(run=tune)
    measuring = commands.add_parser("measure")
    measuring.add_argument("checkpoint", type=Path)
    measuring.add_argument("tuned", type=Path, nargs="+")
    measuring.add_argument("--pictures", type=Path, required=True)
    measuring.add_argument("--limit", type=int)
    measuring.set_defaults(run=measure)
    timing = commands.add_parser("speed")
    timing.add_argument("checkpoint", type=Path)
    timing.add_argument("tuned", type=Path)
    timing.add_argument("--rounds", type=int, default=41)
    timing.set_defaults(run=speed)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
