"""The table of README's section Numbers, measured on this machine: every row by its own command, one after the other.

    make performance                                                        # all of it, some 20 minutes on 2 cores
    .venv/bin/python benchmarks/performance.py coder cold > numbers.md      # some of it; --list names the parts
    .venv/bin/python benchmarks/performance.py architectures                # the ratios of the table of architectures

Markdown goes to the standard output. A part that fails gives a row that says so, and the exit code 1. Models are the
checkpoints of the data folder, or random ones with natural spread where only time and excess matter: those have no
PSNR worth a row.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from licrt.runtime import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
HERE = ROOT / "benchmarks"
LIC_EVAL = "from licrt.evaluation.__main__ import main; main()"
LIC_RUN = "from licrt.runtime.__main__ import main; main()"


@dataclass(frozen=True)
class Row:
    """One row: what, ours, what it is compared with, and the ratio."""

    what: str
    ours: str
    theirs: str = ""
    ratio: str = ""


@dataclass(frozen=True)
class Place:
    """Where things are, and how much is measured."""

    folder: Path
    kodak: list[Path]
    checkpoints: Path
    oracle: Path
    threads: int
    pairs: int


def main() -> int:
    """Measure the parts that are asked for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="default: all but architectures")
    parser.add_argument("--list", action="store_true", help="name the parts")
    data = ROOT.parent / "shared" / "data"
    parser.add_argument(
        "--kodak", type=Path, default=data / "kodak", help="a folder of PNG files (default: %(default)s)"
    )
    parser.add_argument("--checkpoints", type=Path, default=data / "checkpoints", help="default: %(default)s")
    parser.add_argument(
        "--oracle", type=Path, default=ROOT / ".venv-oracle" / "bin" / "python", help="CompressAI's Python"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=15, help="interleaved pairs of runs")
    parser.add_argument("--pictures", type=int, default=24, help="of Kodak's, for sizes")
    arguments = parser.parse_args()
    chosen = arguments.parts or [name for name in PARTS if name != "architectures"]
    if unknown := set(chosen) - PARTS.keys():
        parser.error(f"unknown part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if arguments.list:
        print("\n".join(PARTS))
        return 0
    kodak = sorted(arguments.kodak.glob("*.png"))[: arguments.pictures]
    if not kodak:
        parser.error(f"there are no PNG files in {arguments.kodak}")
    failed, rows = False, []
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        options = arguments.checkpoints, arguments.oracle, arguments.threads, arguments.pairs
        place = Place(Path(folder), kodak, *options)
        for name in chosen:
            print(f"{name} …", file=sys.stderr, flush=True)
            try:
                for row in PARTS[name](place):
                    print(f"  {row.what}: {row.ours} {row.ratio}", file=sys.stderr, flush=True)
                    rows.append(row)
            except Exception:  # whatever it is, the other parts are worth having
                traceback.print_exc()
                failed = True
                rows.append(Row(f"{name}", "FAILED"))
    print("\n".join(heading(place, before)), *(markdown(row) for row in rows), sep="\n")
    return int(failed)


def heading(place: Place, load: float) -> Iterator[str]:
    """Say where it was measured, and begin the table."""
    versions = machine.versions()
    packages = f"licrt {versions['licrt']}, ONNX Runtime {versions.get('onnxruntime', '-')}, numpy {versions['numpy']}"
    yield f"{machine.cpu_model()}, {os.cpu_count()} CPUs, {place.threads} threads; {packages}."
    yield f"Load {load:.1f} before, {os.getloadavg()[0]:.1f} after; medians of {place.pairs} interleaved pairs.\n"
    yield "| what | licrt | compared with | |"
    yield "|---|---|---|---|"


def markdown(row: Row) -> str:
    """Return a row of the table."""
    return f"| {row.what} | {row.ours} | {row.theirs} | {row.ratio} |"


def sizes(place: Place) -> Iterator[Row]:
    """Compare bytes and PSNR of real files with CompressAI's strings, by the checkpoints there are."""
    for arch, label, file in (
        ("mbt2018", "N=64 M=96", "mbt2018-64-96.pth.tar"),
        ("mbt2018-mean", "N=64 M=96", "mbt2018-mean-64-96.pth.tar"),
        ("bls2017", "λ=0.125", "bls2017-128-lambda0.125.pth.tar"),
    ):
        found = codec(place, *trained(place, arch, place.checkpoints / file), place.kodak, 0)
        ours = f"{found['ours_bytes']:,.0f} B, {found['ours_psnr']:.3f} dB"
        theirs = f"CompressAI's strings, no header: {found['theirs_bytes']:,.0f} B, {found['theirs_psnr']:.3f} dB"
        yield Row(
            f"size, `{arch}` {label}, Kodak-{len(place.kodak)}", ours, theirs, f"{found['excess_percent']:+.2f} %"
        )
    for arch in ("bmshj2018-factorized", "bmshj2018-factorized-relu"):
        found = codec(place, *random(place, arch, 48, 80), place.kodak[:4], 0)
        sides = (f"{found['ours_bytes']:,.0f} B", f"CompressAI: {found['theirs_bytes']:,.0f} B")
        yield Row(f"size, `{arch}` N=48 M=80, random weights, 4 pictures", *sides, f"{found['excess_percent']:+.2f} %")


def times(place: Place) -> Iterator[Row]:
    """Compare encoding and decoding with CompressAI, from picture to picture."""
    models = (("mbt2018", 192, 192), ("mbt2018", 192, 320), ("mbt2018-mean", 128, 192), ("mbt2018-mean", 64, 96))
    for arch, n, m in models:
        found = codec(place, *random(place, arch, n, m), place.kodak[:1], place.pairs)
        for direction in ("encode", "decode"):
            both = found[direction]
            exact = milliseconds(found["stages"][f"entropy-{direction}"])
            ours = f"{milliseconds(both['ours'])}, of which entropy {exact}"
            theirs = f"CompressAI: {milliseconds(both['theirs'])}"
            yield Row(f"{direction} 768×512, `{arch}` N={n} M={m}", ours, theirs, f"{both['ratio']:.3f}×")


def synthesis(place: Place) -> Iterator[Row]:
    """Compare synthesis graphs with each other, and with a matrix product."""
    found = json_of(HERE / "synthesis.py", "--arch", "mbt2018-mean", "--threads", place.threads)
    ours, theirs = found["by phase"], found["stock"]
    yield Row(
        "synthesis of `mbt2018-mean` N=128, by phase",
        f"{milliseconds(ours['seconds'])}, {ours['times_sgemm']:.2f}× a matrix product of as many operations",
        f"as PyTorch exports it: {milliseconds(theirs['seconds'])}, {theirs['times_sgemm']:.2f}×",
        f"{found['ratio']:.2f}×",
    )


def hyper(place: Place) -> Iterator[Row]:
    """Compare the integer hyper-synthesis with ONNX Runtime's float one."""
    found = json_of(HERE / "integer_network.py", "--threads", place.threads)
    theirs = f"ONNX Runtime's float one: {milliseconds(found.pop('ONNX Runtime float')['seconds'])}"
    for name, both in found.items():
        if not name.endswith("scalar"):
            what = f"integer hyper-synthesis, N=128 M=192, {name}"
            yield Row(what, milliseconds(both["seconds"]), theirs, f"{both['ratio']:.2f}×")


def coder(place: Place) -> Iterator[Row]:
    """Compare the entropy coder with others."""
    found = json_of("-c", LIC_EVAL, "peers", "coder", "--oracle", place.oracle, "--pairs", place.pairs)
    rate = 1e-6 * found["symbols"]
    for direction in ("encode", "decode"):
        for lanes in ("4", "1"):
            for name, both in found[direction][lanes].items():
                what = f"entropy coder through Python, {direction}, {lanes} lane{'s' if lanes != '1' else ''}"
                sides = (f"{rate / both['ours']:.0f} Msymbol/s", f"{name}: {rate / both['theirs']:.1f} Msymbol/s")
                yield Row(what, *sides, f"{1 / both['ratio']:.0f}× the speed")


def instructions(_: Place) -> Iterator[Row]:
    """Count the coder's instructions."""
    text = output("bash", HERE / "coder_callgrind.sh")
    found = dict(re.findall(r"(\w+, lanes \d): ([\d.]+) instructions", text))
    ours = f"{float(found['encode, lanes 4']):.1f} encode, {float(found['decode, lanes 4']):.1f} decode"
    yield Row("the coder in instructions per symbol, 4 lanes (callgrind)", ours)


def memory(place: Place) -> Iterator[Row]:
    """Measure what a large picture takes."""
    model, _ = random(place, "mbt2018-mean", 128, 192)
    text = output(sys.executable, HERE / "memory.py", model, place.kodak[-2])
    found = dict(re.findall(r"(\w+) 7680x4320: (\d+) MiB", text))
    ours = f"encode {found['encode']} MiB, decode {found['decode']} MiB"
    yield Row("peak memory, 7680×4320, `mbt2018-mean` N=128 M=192", ours)


def several(place: Place) -> Iterator[Row]:
    """Compare several pictures at a time with one after the other, from files to files."""
    options = ("--threads", place.threads, "--repeat", place.pairs)
    for found in json_of(HERE / "pipeline.py", *options, place.kodak[0].parent):
        one, other = (found[way] for way in ("one after the other", "several at a time"))
        what = f"{found['direction']}, Kodak's pictures, several at a time, {found['threads']} threads"
        sides = f"{other:.1f} pictures/s", f"one after the other, as many threads: {one:.1f} pictures/s"
        yield Row(what, *sides, f"{found['ratio'][0]:.2f}× the speed")


def cold(place: Place) -> Iterator[Row]:
    """Measure a new process, until its result."""
    options = ("--cold", 7, "--workers", 0, "--repeat", 1, "--warmup", 0, "--anchors", "none", "-j", place.threads)
    found = json_of("-c", LIC_RUN, "bench", place.kodak[0], *options)["cold_start"]
    for direction, start in found.items():
        ours = f"{start['seconds']['p50']:.2f} s, {start['peak_memory_bytes'] / 2**20:.0f} MiB at most"
        yield Row(f"cold `lic-run {direction}`, 768×512, `default`, start to result", ours)


def installed(_: Place) -> Iterator[Row]:
    """Weigh what is installed."""
    text = output(sys.executable, HERE / "footprint.py")
    found = dict(re.findall(r"(\S+) +([\d.]+) MB", text))
    parts = ", ".join(f"{name} {float(found[name]):.0f}" for name in ("onnxruntime", "numpy", "licrt"))
    yield Row("installed, with everything it needs", f"{float(found['together']):.0f} MB, of which {parts}")


def architectures(place: Place) -> Iterator[Row]:
    """Measure the ratios of README's table of architectures: exact part to stock synthesis, and whole decoding."""
    for arch, n, m, beside in (
        ("bmshj2018-hyperprior", 128, 192, False),
        ("mbt2018-mean", 128, 192, True),
        ("mbt2018", 192, 192, True),
        ("mbt2018", 192, 320, True),
        ("cheng2020-anchor", 192, 192, True),
        ("cheng2020-attn", 192, 192, False),
        ("cheng2020-anchor-checkerboard", 192, 192, True),
        ("elic2022-official", 192, 320, True),
        ("elic2022-chandelier", 192, 320, False),
        ("bmshj2018-hyperprior-vbr", 192, 320, False),
        ("mbt2018-mean-vbr", 192, 320, False),
        ("mbt2018-vbr", 192, 320, False),
    ):
        name = f"{arch}:{n}:{m}"
        path = json_of(HERE / "entropy_path.py", name, "--threads", place.threads)[name]
        theirs, ratio = "", ""
        if beside:
            both = codec(place, *random(place, arch, n, m), place.kodak[:1], min(place.pairs, 5))["decode"]
            theirs, ratio = f"CompressAI: {milliseconds(both['theirs'])}", f"decode {both['ratio']:.3f}×"
        yield Row(f"`{arch}` ({n}, {m})", f"entropy path ÷ synthesis {path['decode_ratio']:.2f}", theirs, ratio)


PARTS: dict[str, Callable[[Place], Iterator[Row]]] = {
    part.__name__: part
    for part in (sizes, times, synthesis, hyper, coder, instructions, memory, several, cold, installed, architectures)
}


def trained(place: Place, arch: str, checkpoint: Path) -> tuple[Path, Path]:
    """Export a checkpoint, once."""
    bundle = place.folder / checkpoint.name.split(".")[0]
    if not bundle.exists():
        program = "from licrt.export.cli import main; main()"
        arguments = ("--arch", arch, "--checkpoint", checkpoint, "-o", bundle, "--no-check")
        output(sys.executable, "-c", program, *arguments)
    return bundle, checkpoint


def random(place: Place, arch: str, n: int, m: int) -> tuple[Path, Path]:
    """Make a random model whose latents have natural spread, and export it, once."""
    checkpoint = place.folder / f"{arch}-{n}-{m}.pth.tar"
    if not checkpoint.exists():
        import torch
        from references.tiny import tiny_model

        torch.save(tiny_model(arch, n, m).state_dict(), checkpoint)
    return trained(place, arch, checkpoint)


def codec(place: Place, bundle: Path, checkpoint: Path, pictures: list[Path], pairs: int) -> dict[str, Any]:
    """Run the peer bench of codecs."""
    options = ("--oracle", place.oracle, "--pairs", pairs, "-j", place.threads)
    return json_of("-c", LIC_EVAL, "peers", "codec", bundle, checkpoint, *pictures, *options)


def json_of(*arguments: object) -> Any:
    """Run a program in Python that prints JSON when asked to."""
    return json.loads(output(sys.executable, *arguments, "--json"))


def output(*command: object) -> str:
    """Run a program and return what it prints."""
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def milliseconds(seconds: float) -> str:
    """Return a time for people."""
    return f"{1e3 * seconds:.1f} ms" if seconds < 0.1 else f"{1e3 * seconds:.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
