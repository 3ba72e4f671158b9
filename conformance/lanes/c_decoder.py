"""The decoder of examples/c, which shares no line with the runtime's Python: integers alone, and no encoder."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import subprocess
from typing import TYPE_CHECKING

from conformance.lanes import Lane, Observation
from conformance.observe import MODELS, REFUSED, STREAMS, Entry, read_expected

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def decode_with(program: Sequence[str | Path], work: Path, folders: Sequence[Path]) -> Observation:
    """Return what the program makes of folders of streams.

    Args:
        program: the words that start it, with options.
        work: where flat models go.
        folders: as for any lane.
    """
    seen: dict[str, Entry] = {}
    streams = {}
    for folder in folders:
        streams[folder.name] = {
            name: _decode(program, _flat(work, name.partition("/")[0]), folder / f"{name}.lci", seen)
            for name in read_expected(folder)
        }
    observation: Observation = {"environment": {"decoder": "examples/c"}, "streams": streams}
    if STREAMS in [folder.resolve() for folder in folders]:
        observation["refused"] = {}
        for name, entry in json.loads((REFUSED / "expected.json").read_text())["files"].items():
            if entry["model"] and not entry["picture"]:
                code, _, complaint = _call(program, _flat(work, entry["model"]), REFUSED / name)
                observation["refused"][name] = {"exit_code": code, "lines": complaint.count("\n")}
    return observation


def _decode(program: Sequence[str | Path], model: Path, stream: Path, seen: dict[str, Entry]) -> Entry:
    sha256 = hashlib.sha256(stream.read_bytes()).hexdigest()
    if sha256 not in seen:
        code, printed, complaint = _call(program, model, stream)
        seen[sha256] = {"stream": sha256, "error": complaint.strip()} if code else _parsed(sha256, printed)
    return seen[sha256]


def _parsed(sha256: str, printed: str) -> Entry:
    fields = dict(re.findall(r"^(\w+) +([0-9a-f]+)", printed, re.MULTILINE))
    return {
        "stream": sha256,
        "width": int(fields["width"]),
        "height": int(fields["height"]),
        "rate_point": int(fields["rate_point"]),
        "latent_crc": fields["latent_crc"],
        "latents": {"crc32": fields["decoded"]},
        **{key: {"crc32": fields[key]} for key in ("hyper_symbols", "symbols", "indexes") if key in fields},
    }


def _call(program: Sequence[str | Path], model: Path, stream: Path) -> tuple[int, str, str]:
    done = subprocess.run([*program, "--symbols", model, stream], check=False, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def _flat(work: Path, arch: str) -> Path:
    """Return the flat file of a model."""
    from licrt.runtime.bundle import load_bundle
    from licrt.runtime.flat import flatten

    bundle = load_bundle(MODELS / arch)
    file = work / "models" / f"{arch}-{bundle.id}.lcm"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(flatten(bundle))
    return file


def _here(work: Path, folders: Sequence[Path]) -> Observation:
    from references.programs import build

    return decode_with((build(work / "build", targets=("decode",)) / "decode", "-j", "2"), work, folders)


LANES = (Lane(f"{platform.machine().replace('_', '-')} examples/c", _here),)
