"""SHA256SUMS: every file that is written once, as `sha256sum -c` reads it."""

from __future__ import annotations

import hashlib
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
FOLDERS = ("models", "pictures", "refused", "streams")
GROWING = "streams/expected.json"  # has more entries with each architecture


def wrong(folder: Path = HERE) -> list[str]:
    """Return the files that are changed, missing or not listed."""
    listed, here = read(folder), compute(folder)
    return sorted(name for name in listed.keys() | here.keys() if listed.get(name) != here.get(name))


def read(folder: Path) -> dict[str, str]:
    """Return the sums that are written down, by file."""
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def compute(folder: Path) -> dict[str, str]:
    """Return the sums of the files that are there."""
    files = sorted(path for each in FOLDERS for path in (folder / each).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def add(folder: Path = HERE) -> None:
    """Add the files that are new; refuse if others are not what they were."""
    before, now = read(folder) if (folder / "SHA256SUMS").exists() else {}, compute(folder)
    changed = [name for name, digest in before.items() if now.get(name) != digest and name != GROWING]
    if changed:
        raise SystemExit(f"{changed[0]} is not what it was; conformance files are written once")
    (folder / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(now.items())))
