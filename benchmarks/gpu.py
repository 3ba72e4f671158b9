"""Encode and decode 1080p on a GPU, each stage, beside CompressAI on the same GPU. Untested on hardware.

    python benchmarks/gpu.py [--device cuda|tensorrt] [--models mbt2018-mean:128:192 …] [--oracle PYTHON] [--pairs 15]

Models have random weights with natural spread: times do not depend on what was learned. Both sides run in turns, from
8-bit pixels in memory to bytes in memory and back; PYTHON has CompressAI and a build of torch for this GPU. Prints the
table of docs/gpu.md; with --json everything. Without a GPU it says so and ends with exit code 0: there is nothing to
measure. `--device cpu` measures the CPU, to try the script.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from licrt.runtime import machine
from licrt.runtime.backends import default_threads, open_backend
from licrt.runtime.errors import BackendError
from licrt.runtime.selftest import synthetic_picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))  # small random models
MODELS = ("mbt2018-mean:128:192", "mbt2018:192:192", "cheng2020-anchor:192:192", "elic2022-official:192:320")
PROGRAM = "from licrt.evaluation.cli import main; main()"


def main() -> int:
    """Measure each model and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "tensorrt", "cpu"], default="cuda")
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="ARCH:N:M")
    parser.add_argument("--size", default="1920x1080", help="WIDTHxHEIGHT of the picture")
    parser.add_argument("--oracle", type=Path, default=Path(".venv-oracle/bin/python"))
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--pairs", type=int, default=15, help="interleaved pairs of runs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    try:
        engine = open_backend(arguments.device, arguments.threads).describe()
    except BackendError as error:
        print(f"nothing to measure: {error}", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        found = {name: measure(name, Path(folder), arguments) for name in arguments.models}
    if arguments.json:
        print(json.dumps({"engine": dict(engine), "versions": machine.versions(), "models": found}, indent=2))
    else:
        print(", ".join(f"{key} {value}" for key, value in engine.items()) + f"; {arguments.size}")
        print(*table(found), sep="\n")
    return 0


def measure(name: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what `lic-eval peers codec` finds of a random model."""
    import torch
    from references.tiny import tiny_model

    from licrt.export.bundle import Labels, export_bundle

    arch, channels, latent_channels = name.split(":")
    width, height = map(int, arguments.size.split("x"))
    checkpoint, bundle, picture = folder / f"{name}.pth.tar", folder / name, folder / "picture.png"
    model = tiny_model(arch, int(channels), int(latent_channels))
    torch.save(model.state_dict(), checkpoint)
    export_bundle(model, Labels(arch, arch, None, "mse", "Apache-2.0"), bundle, check=False)
    Image.fromarray(synthetic_picture(height, width)).save(picture)
    options = ("--device", arguments.device, "--pairs", arguments.pairs, "-j", arguments.threads)
    command = (PROGRAM, "peers", "codec", bundle, checkpoint, picture, "--oracle", arguments.oracle, *options, "--json")
    done = subprocess.run([sys.executable, "-c", *map(str, command)], check=True, stdout=subprocess.PIPE)
    return dict(json.loads(done.stdout))


def table(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Return a row for each model and direction: milliseconds."""
    yield "| model | | licrt | of which | CompressAI | ratio |"
    yield "|---|---|---|---|---|---|"
    parts = {
        "encode": ("analysis", "hyper-analysis", "entropy-encode"),
        "decode": ("entropy-decode", "synthesis"),
    }
    for name, report in found.items():
        for direction, names in parts.items():
            both, stages = report[direction], report["stages"]
            inside = ", ".join(f"{part} {1e3 * stages[part]:.1f}" for part in names if part in stages)
            times = (f"{1e3 * both['ours']:.1f}", inside, f"{1e3 * both['theirs']:.1f}", f"{both['ratio']:.3f}×")
            yield f"| `{name}` | {direction} | {' | '.join(times)} |"


if __name__ == "__main__":
    sys.exit(main())
