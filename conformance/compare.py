"""What was observed against what is expected."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conformance.observe import REFUSED, Entry, read_expected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MAX_PIXELS = 1  # levels by which float synthesis networks may differ


@dataclass(frozen=True)
class Difference:
    """One stream that is not what it has to be; `decoder` and `encoder` are lanes, and "" the conformance files."""

    decoder: str
    encoder: str
    stream: str
    what: str

    def __str__(self) -> str:
        made = f", encoded by {self.encoder}" if self.encoder else ""
        return f"{self.stream}{made}, decoded by {self.decoder}: {self.what}"


def differences(folder: Path, observed: Mapping[str, Entry]) -> Iterator[tuple[str, str]]:
    """Yield what differs between a folder's `expected.json` and the observation of it: stream, and what in words."""
    for name, expected in read_expected(folder).items():
        what = difference(expected, observed[name]) if name in observed else "was not decoded"
        if what:
            yield name, what


def difference(expected: Entry, observed: Entry) -> str:
    """Return in what a stream differs, "" where it does not. Stream and latents must have been observed.

    >>> latents = {"count": 1, "sha256": "00", "crc32": "11"}
    >>> difference({"stream": "s", "latents": latents}, {"stream": "s", "latents": {"crc32": "11"}, "pixels": 1})
    ''
    >>> difference({"stream": "s", "latents": latents}, {"stream": "s", "latents": {"crc32": "12"}})
    'other latents'
    >>> difference({"stream": "s", "latents": latents}, {"stream": "s"})
    'latents were not observed'
    """
    if "error" in observed:
        return str(observed["error"])
    for key, value in expected.items():
        if key in ("bytes", "picture"):  # of the folder
            continue
        if key not in observed:
            if key in ("stream", "latents"):
                return f"{key} were not observed"
        elif not _equal(value, observed[key]):
            return f"other {key.replace('_', ' ')}"
    if observed.get("pixels", 0) > MAX_PIXELS:
        return f"pixels differ by {observed['pixels']} levels"
    return ""


def _equal(expected: Any, observed: Any) -> bool:
    """Compare values; of digests what both have, which must be something."""
    if not isinstance(expected, dict):
        return bool(expected == observed)
    common = set(expected) & set(observed) - {"count"}
    return bool(common) and all(expected[key] == observed[key] for key in common)


def read_refused() -> dict[str, Entry]:
    """Return the entries of the files that must be refused."""
    entries: dict[str, Entry] = json.loads((REFUSED / "expected.json").read_text())["files"]
    return entries


def refused_differences(observed: Mapping[str, Entry]) -> Iterator[tuple[str, str]]:
    """Yield what differs among the files that must be refused, but for those that a lane left out."""
    for name, expected in read_refused().items():
        if name not in observed:
            continue
        entry = observed[name]
        if entry["exit_code"] != expected["exit_code"]:
            yield name, f"exit code {entry['exit_code']}, expected {expected['exit_code']} ({expected['reason']})"
        elif entry.get("lines", 1) != 1:
            yield name, f"{entry['lines']} lines of complaint, expected one"
        elif entry.get("output"):
            yield name, "left a file"
