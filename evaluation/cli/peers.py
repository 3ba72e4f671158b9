"""`lic-eval peers`: licrt beside CompressAI and other coders, which live in a virtual environment of their own."""

from __future__ import annotations

import json
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from licrt.runtime import machine
from licrt.runtime.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from licrt.evaluation.peers.oracle.oracle_protocol import Oracle

CALLS = Path(__file__).resolve().parents[1] / "peers" / "oracle" / "peer_calls.py"

_oracle = click.option(
    "--oracle",
    type=click.Path(path_type=Path),
    default=Path(".venv-oracle/bin/python"),
    show_default=True,
    help="The Python that has CompressAI; tests/oracle/create.sh makes one.",
)
_threads = click.option(
    "-j", "--threads", type=click.IntRange(min=1), default=2, show_default=True, help="Of each side."
)
_pairs = click.option(
    "--pairs", type=click.IntRange(min=0), default=15, show_default=True, help="Pairs of runs that count."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("peers")
def command() -> None:
    """Run licrt and its peers in turns. Only ratios mean anything."""


@command.command("codec")
@click.argument("model")
@click.argument("checkpoint", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("pictures", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--level", type=click.IntRange(0, 7), help="Trained level of a variable-rate model.")
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda", "tensorrt"]),
    default="cpu",
    show_default=True,
    help="Where both run their networks; CompressAI runs on cuda for either kind of GPU backend.",
)
@_pairs
@_threads
@_oracle
@_json
def codec(
    model: str,
    checkpoint: Path,
    pictures: Sequence[Path],
    level: int | None,
    device: str,
    pairs: int,
    threads: int,
    oracle: Path,
    as_json: bool,
) -> None:
    """Compare with CompressAI: bytes and PSNR of every picture, times of the first one.

    MODEL is what export-model made of CHECKPOINT.
    """
    from licrt.evaluation.peers.codec import code_both, stages, summary, time_both
    from licrt.runtime import Codec

    ours = Codec.load(model, device, threads)
    with _opened(oracle, threads) as theirs:
        there = "cpu" if device == "cpu" else "cuda"
        theirs("load", path=str(checkpoint.resolve()), arch=ours.info.arch, device=there)
        report: dict[str, Any] = {
            **_identity(theirs, threads),
            "model": {"name": ours.info.name, "id": ours.info.id, "arch": ours.info.arch},
            "engine": dict(ours.engine),
            **summary([code_both(ours, theirs, picture, level) for picture in pictures]),
        }
        if pairs:
            timed = time_both(ours, theirs, pictures[0], pairs, level)
            report |= {name: each.summary() for name, each in timed.items()}
            report["stages"] = stages(ours, pictures[0], pairs, level)
    click.echo(json.dumps(report, indent=2) if as_json else "\n".join(_codec_table(report)))


@command.command("coder")
@_pairs
@_oracle
@_json
def coder(pairs: int, oracle: Path, as_json: bool) -> None:
    """Compare the entropy coder with compressai.ans and constriction, each with one thread."""
    from licrt.evaluation.peers.coder import compare

    with _opened(oracle, 1) as theirs:
        report = {**_identity(theirs, 1), **compare(theirs, max(pairs, 1))}
    click.echo(json.dumps(report, indent=2) if as_json else "\n".join(_coder_table(report)))


@contextmanager
def _opened(python: Path, threads: int) -> Iterator[Oracle]:
    from licrt.evaluation.peers.oracle.oracle_protocol import Oracle, OracleError

    if not python.exists():
        raise BackendError(
            f"there is no {python}. Run: tests/oracle/create.sh, or name CompressAI's Python with --oracle"
        )
    try:
        with closing(Oracle(python, CALLS, threads)) as oracle:
            oracle("set_threads", count=threads)
            yield oracle
    except OracleError as error:
        raise BackendError(f"the peer's Python, {python}, failed: {error}") from error


def _identity(oracle: Oracle, threads: int) -> dict[str, Any]:
    return {
        "cpu": machine.cpu_model(),
        "threads": threads,
        "versions": machine.versions(),
        "peer_versions": oracle("versions"),
    }


def _heading(report: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report["peer_versions"].items() if name != "python")
    return f"licrt {report['versions']['licrt']} beside {versions}; {report['cpu']}, {report['threads']} threads each"


def _codec_table(report: Mapping[str, Any]) -> Iterator[str]:
    yield _heading(report)
    yield f"{'picture':<16}{'CompressAI B':>14}{'licrt B':>10}{'excess':>9}{'CompressAI dB':>15}{'licrt dB':>10}"
    for row in (*report["pictures"], {**report, "picture": "mean"}):
        excess = 100 * (row["ours_bytes"] / row["theirs_bytes"] - 1)
        sizes = f"{row['theirs_bytes']:>14.0f}{row['ours_bytes']:>10.0f}{excess:>+8.2f}%"
        yield f"{row['picture']:<16}{sizes}{row['theirs_psnr']:>15.4f}{row['ours_psnr']:>10.4f}"
    yield f"bpp: CompressAI {report['theirs_bpp']:.4f}, licrt {report['ours_bpp']:.4f}"
    yield f"largest excess over CompressAI + 0.5 %: {report['largest_excess_bytes']:+.0f} bytes (limit +100)"
    yield f"largest PSNR loss {report['largest_psnr_loss']:+.4f} dB (limit 0.02)"
    for name in ("encode", "decode"):
        if name in report:
            yield f"{name} {report['pictures'][0]['picture']}: {_ratio(report[name], 'CompressAI')}"
    if "stages" in report:
        stages = report["stages"].items()
        yield "stages of licrt: " + ", ".join(f"{name} {1e3 * seconds:.1f} ms" for name, seconds in stages)


def _coder_table(report: Mapping[str, Any]) -> Iterator[str]:
    yield _heading(report)
    count = report["symbols"]
    for name, size in report["bytes"].items():
        yield f"{name:<20}{size:>10} bytes{8 * size / count:>10.3f} bit/symbol"
    for direction in ("encode", "decode"):
        for lanes, peers in report[direction].items():
            for name, times in peers.items():
                rates = f"{1e-6 * count / times['ours']:.0f} and {1e-6 * count / times['theirs']:.1f} Msymbol/s"
                times_as_fast = f"{1 / times['ratio']:.1f} times as fast"
                yield f"{direction}, {lanes} lanes, beside {name}: {rates}, {times_as_fast}"


def _ratio(times: Mapping[str, Any], peer: str) -> str:
    medians = f"licrt {1e3 * times['ours']:.1f} ms, {peer} {1e3 * times['theirs']:.1f} ms"
    spread = f"({times['lowest_ratio']:.3f} to {times['highest_ratio']:.3f})"
    return f"{medians}, median ratio of {times['pairs']} pairs {times['ratio']:.3f} {spread}"
