"""How many pictures a float hyper-synthesis breaks when another machine decodes them, and that integers break none.

    .venv/bin/python benchmarks/float_hyper_synthesis.py [--checkpoint FILE] [--pictures FOLDER]

One checkpoint's hyper-synthesis runs on the same hyper-latents in ONNX Runtime: here, in several ways, and on 64-bit
ARM as qemu emulates it, whose floats are those of IEEE 754. What it gives chooses the table of each symbol. Symbols are
coded with the tables that the first way chose, and decoded with those of each other one. Beside it runs the integer
network that the exporter makes of the checkpoint. Prints the tables of docs/conformance-machines.md.

Takes the data folder beside the checkout, a network, root, and Debian's debootstrap, proot, qemu-user-static and
g++-aarch64-linux-gnu.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from licrt.export.calibration import PHOTOS, calibrate, read_photos, to_tensor
from licrt.export.check import hyper_of
from licrt.export.float_model import float_model
from licrt.export.graphs import to_onnx
from licrt.export.integers import quantise
from licrt.export.quantise import UNCHECKED
from licrt.runtime import coder
from licrt.runtime.errors import FormatError
from licrt.runtime.integer import to_blob
from licrt.trainer.checkpoint import load_checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from licrt.export.float_model import FloatModel

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
THERE = ROOT / "benchmarks" / "hyper_synthesis_there.py"
sys.path.insert(0, str(ROOT / "tests"))
from references.programs import run as call  # noqa: E402
from references.userland import REQUIREMENTS, userland  # noqa: E402

Float = npt.NDArray[np.float32]
Arrays = dict[str, npt.NDArray[np.generic]]
Run = Callable[..., str]


@dataclass(frozen=True)
class Found:
    """How what one machine computes of a picture differs from what the first one does.

    Attributes:
        outputs: share of float outputs that differ.
        largest: the largest difference of these.
        flips: symbols for which another table is chosen.
        at_stake: share of the symbols from the first of these on.
        decodes: whether these tables give the symbols that were coded with the first machine's.
        integers: outputs of the integer network that differ.
    """

    outputs: float
    largest: float
    flips: int
    at_stake: float
    decodes: bool
    integers: int


def main() -> None:
    """Run the networks everywhere, and print one table of pictures and one of ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=DATA / "checkpoints" / "mbt2018-mean-64-96.pth.tar")
    parser.add_argument("--pictures", type=Path, default=DATA / "kodak")
    arguments = parser.parse_args()
    model = float_model(load_checkpoint(arguments.checkpoint))
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        latents = prepare(model, arguments.pictures, folder)
        (first, run), *others = ways(folder).items()
        version, reference = results(run, folder)
        first = f"{first}, ONNX Runtime {version}"
        found: dict[str, dict[str, Found]] = {}
        for name, run in others:
            print(name, file=sys.stderr)
            version, arrays = results(run, folder)
            named = f"{name}, ONNX Runtime {version}"
            found[named] = {each: compare(model, each, latent, reference, arrays) for each, latent in latents.items()}
    print_pictures(next(iter(found.values())))
    print_ways(first, found)


def prepare(model: FloatModel, pictures: Path, folder: Path) -> Mapping[str, Float]:
    """Write the networks and every picture's hyper-latent; return the latents `[M, h, w]` by name."""
    hyper = hyper_of(model)
    if hyper.groups or hyper.rates:
        raise SystemExit("this compares hyper-priors without a context model and with a single rate")
    integers = quantise(model, calibrate(model, read_photos(PHOTOS / "calibration")), UNCHECKED)
    (folder / "integer.bin").write_bytes(to_blob(integers.network))
    graph = to_onnx(hyper.synthesis, len(model.medians), 4, "scales_and_means")
    (folder / "float.onnx").write_bytes(graph.SerializeToString())
    latents, inputs = {}, {}
    names = sorted(path.stem for path in pictures.glob("*.png"))
    with torch.inference_mode():
        for name, photo in zip(names, read_photos(pictures), strict=True):
            latent = model.analysis(to_tensor(photo))
            latents[name] = latent[0].numpy()
            inputs[f"symbols/{name}"] = model.hyper_symbols(latent)[0].numpy().astype(np.int32)
            inputs[f"floats/{name}"] = model.hyper_latent(latent)[0].numpy()
    np.savez(folder / "hyper.npz", **inputs)
    return latents


def ways(folder: Path) -> dict[str, Run]:
    """Return what runs hyper_synthesis_there.py, by name; the first one is what the others are compared with."""
    arm, same = userland(), folder / "same"
    (version,) = (line for line in REQUIREMENTS.read_text().splitlines() if line.startswith("onnxruntime=="))
    call(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", same, version)

    def here(*options: str, version: Path = same, emulator: Sequence[str] = ()) -> Run:
        environment = os.environ | {"PYTHONPATH": f"{version}:{os.environ.get('PYTHONPATH', '')}".rstrip(":")}
        command = [*emulator, sys.executable, THERE, *options]
        return lambda *more: (
            subprocess.run([*command, *more], check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
        )

    def there(*options: str) -> Run:
        return lambda *more: arm.run("python3", THERE, *options, *more)

    return {
        "x86-64": here(),
        "64-bit ARM": there(),
        "64-bit ARM, 2 threads": there("--threads", "2"),
        "x86-64, 2 threads": here("--threads", "2"),
        "x86-64, basic optimisations": here("--level", "basic"),
        "x86-64, no optimisations": here("--level", "disabled"),
        "x86-64 without AVX": here(emulator=("qemu-x86_64-static", "-cpu", "Nehalem")),
        "x86-64, newest version": here(version=folder / "none"),
    }


def results(run: Run, folder: Path) -> tuple[str, Arrays]:
    """Run on a machine; return the version of ONNX Runtime, and what it found."""
    output = folder / "output.npz"
    version = run(str(folder), str(output)).split()[-1]
    with np.load(output) as found:
        return version, dict(found)


def compare(model: FloatModel, name: str, latent: Float, reference: Arrays, other: Arrays) -> Found:
    """Compare two machines on one picture."""
    hyper = hyper_of(model)
    channels, height, width = latent.shape

    def scales_and_means(found: Arrays) -> tuple[Float, Float]:
        output = found[f"float/{name}"][:, :height, :width]
        first, second = output[:channels], output[channels:]
        return (second, first) if hyper.means_first else (first, second)

    ours, theirs = reference[f"float/{name}"], other[f"float/{name}"]
    (scales, means), (scales_there, _) = scales_and_means(reference), scales_and_means(other)
    indexes, indexes_there = (
        np.searchsorted(hyper.scale_table[:-1].astype(np.float32), each).astype(np.int32)
        for each in (scales, scales_there)
    )
    symbols = np.round(latent - means).astype(np.int32)
    tables = coder.CdfTables(hyper.gaussian.cdf, hyper.gaussian.lengths, hyper.gaussian.offsets)
    data = coder.encode(symbols, indexes, tables, lanes=1)
    try:
        decodes = np.array_equal(coder.decode(data, indexes_there, tables, lanes=1), symbols)
    except FormatError:
        decodes = False
    flips = np.flatnonzero(indexes != indexes_there)
    integers = sum(
        int(np.count_nonzero(reference[f"{kind}/{name}"] != other[f"{kind}/{name}"])) for kind in ("indexes", "means")
    )
    return Found(
        outputs=float(np.mean(ours != theirs)),
        largest=float(np.abs(ours - theirs).max()),
        flips=len(flips),
        at_stake=1 - flips[0] / symbols.size if len(flips) else 0.0,
        decodes=decodes,
        integers=integers,
    )


def print_pictures(found: Mapping[str, Found]) -> None:
    """Print a row for each picture."""
    heads = ("picture", "float outputs that differ", "largest difference", "tables that flip")
    print_row(*heads, "symbols from the first flip on", "decodes", "integer outputs that differ")
    print_row(*["---"] * 7)
    for name, each in found.items():
        stake = f"{each.at_stake:.0%}" if each.flips else ""
        cells = (f"{each.outputs:.1%}", f"{each.largest:.1e}", each.flips, stake, "yes" if each.decodes else "**no**")
        print_row(name, *cells, each.integers)
    print()


def print_ways(first: str, found: Mapping[str, Mapping[str, Found]]) -> None:
    """Print a row for each way to run the networks but the first, which they are compared with."""
    heads = (f"against {first}", "float outputs that differ", "largest difference", "tables that flip")
    print_row(*heads, "pictures broken", "integer outputs that differ")
    print_row(*["---"] * 6)
    for name, pictures in found.items():
        each = list(pictures.values())
        outputs, largest = np.mean([one.outputs for one in each]), max(one.largest for one in each)
        broken = f"{sum(not one.decodes for one in each)} of {len(each)}"
        flips, integers = sum(one.flips for one in each), sum(one.integers for one in each)
        print_row(name, f"{outputs:.1%}", f"{largest:.1e}", flips, broken, integers)


def print_row(*cells: object) -> None:
    """Print a row of a table."""
    print(f"| {' | '.join(map(str, cells))} |")


if __name__ == "__main__":
    main()
