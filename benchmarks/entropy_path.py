"""What the exact half of a model costs: entropy path and coder, against the model's own stock synthesis, in one run.

    .venv/bin/python benchmarks/entropy_path.py mbt2018:192:192 mbt2018:192:320 cheng2020-anchor:192 [--picture FILE]

Each model is random, its gains scaled until latents and scales have natural spread, since time does not depend on
training; or `ARCH=CHECKPOINT`. Stock means the synthesis as torch exports it, without this project's rewrites. Only
ratios mean anything: all three are timed in turn, and the medians compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from licrt.export.bundle import Labels, export_bundle
from licrt.export.graphs import to_onnx
from licrt.export.structure import fold
from licrt.runtime import Codec
from licrt.runtime.backends import open_backend
from licrt.runtime.timing import seconds
from licrt.trainer.checkpoint import load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from licrt.trainer.models import CompressionModel

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from references.tiny import tiny_model  # noqa: E402

PHOTO = ROOT / "examples" / "photo.webp"


def main() -> None:
    """Export every model, and time its parts in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="ARCH:N:M of a random model, or ARCH=CHECKPOINT")
    parser.add_argument("--picture", type=Path, default=PHOTO)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    pixels = np.asarray(Image.open(arguments.picture).convert("RGB"))[:512, :768]
    if arguments.json:
        print(
            json.dumps({name: measure(name, pixels, arguments.threads, arguments.rounds) for name in arguments.models})
        )
        return
    print(f"{pixels.shape[1]}x{pixels.shape[0]}, {arguments.threads} threads, medians of {arguments.rounds} rounds")
    heads = ("kernels", "decode", "encode", "stock synthesis", "decode/stock", "encode/stock")
    print(f"{'model':<32}" + "".join(f"{head:>17}" for head in heads))
    for name in arguments.models:
        found = measure(name, pixels, arguments.threads, arguments.rounds)
        times = (f"{1e3 * found[part]:.1f} ms" for part in ("decode", "encode", "stock"))
        cells = (found["kernels"], *times, f"{found['decode_ratio']:.3f}", f"{found['encode_ratio']:.3f}")
        print(f"{name:<32}" + "".join(f"{cell:>17}" for cell in cells), flush=True)


def measure(name: str, pixels: np.ndarray, threads: int, rounds: int) -> dict[str, Any]:
    """Return median seconds, and ratios to the stock synthesis."""
    model = build(name)
    with tempfile.TemporaryDirectory() as directory:
        bundle = Path(directory) / "model"
        export_bundle(model, Labels("bench", model.arch, None, "mse", "none"), bundle, check=False)
        codec = Codec.load(bundle, threads=threads)
        codec.decode(codec.encode(pixels))  # the directory goes, the graphs are loaded
    stock = to_onnx(fold(model.g_s), model.latent_channels, 16, "picture")
    session = open_backend("cpu", threads).load(stock.SerializeToString(), "stock")
    data = codec.encode(pixels)
    latent = codec.decode_latents(data)
    example = latent[None].astype(np.float32) / 256

    def encode() -> float:
        stages: dict[str, float] = {}
        codec.encode(pixels, on_stage=stages.__setitem__)
        return stages["entropy-encode"]

    timed: list[Callable[[], float]] = [
        lambda: seconds(lambda: codec.decode_latents(data)), encode, lambda: seconds(lambda: session.run(example))
    ]  # fmt: skip
    for once in timed:
        once()
    times = np.array([[once() for once in timed] for _ in range(rounds)])
    decode_ratio, encode_ratio = (statistics.median(times[:, column] / times[:, 2]) for column in (0, 1))
    medians = dict(zip(("decode", "encode", "stock"), np.median(times, axis=0).tolist(), strict=True))
    return {"kernels": codec.engine["kernels"], **medians, "decode_ratio": decode_ratio, "encode_ratio": encode_ratio}


def build(name: str) -> CompressionModel:
    """Make or load a model in evaluation mode with its tables."""
    if "=" in name:
        arch, path = name.split("=", 1)
        model = load_checkpoint(path, arch)
        model.update()
        return model
    arch, *channels = name.split(":")
    return tiny_model(arch, *(int(number) for number in channels))


if __name__ == "__main__":
    main()
