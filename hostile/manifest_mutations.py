"""Ways to change a bundle's manifest and the files beside it: functions of a random generator and a draft."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any

from drafts import MANIFEST, TENSORS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

    from drafts import Draft

Place = tuple[Any, Any]  # a dict or list, and a key or index in it

NAMES = (
    "../../etc/passwd", "/etc/passwd", "/dev/zero", "a/../../b", "..", ".", "", "nul\0byte", ".hidden", "manifest.json",
    "x" * 300, "a\\b", "C:\\x", "\u202ex", "\ud800", "line\nbreak", "entropy.safetensors/", "con", "a" * 199 + "é",
)  # fmt: skip


def value(random: Random, draft: Draft) -> None:
    """Put a value of another type or far out of range in place of any."""
    holder, key = random.choice(list(_places(draft.manifest)))
    holder[key] = _anything(random)


def number(random: Random, draft: Draft) -> None:
    """Change a number of the entropy entry a little, or to a limit."""
    found = [(holder, key) for holder, key in _places(draft.manifest["entropy"]) if type(holder[key]) is int]
    for _ in range(random.choice((1, 1, 2))):
        holder, key = random.choice(found)
        old = holder[key]
        edges = (0, 1, 2, 3, 4, 8, 15, 16, 17, 24, 25, 32, 64, 255, 256, 4096, 4097, 1 << 20, 1 << 31, -1)
        holder[key] = random.choice((old + 1, old - 1, old * 2, -old, random.choice(edges), random.choice(edges)))


def missing(random: Random, draft: Draft) -> None:
    """Leave an entry out."""
    holder, key = random.choice(list(_places(draft.manifest)))
    del holder[key]


def more(random: Random, draft: Draft) -> None:
    """Add an entry or repeat one, also where names of entries become names of arguments."""
    holder, key = random.choice(list(_places(draft.manifest)))
    if isinstance(holder, list):
        holder.insert(random.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
    else:
        new = random.choice(
            ("weight", "bias", "upscale", "context", "rates", "hyper_synthesis", "__class__", "self", "")
        )
        holder[new] = random.choice((copy.deepcopy(holder[key]), _anything(random)))


def order(random: Random, draft: Draft) -> None:
    """Take layers, groups or other entries of the same kind for one another."""
    lists = [holder[key] for holder, key in _places(draft.manifest) if type(holder[key]) in (list, dict)]
    holder = random.choice([each for each in lists if len(each) > 1])
    first, second = random.sample(list(holder) if isinstance(holder, dict) else range(len(holder)), 2)
    holder[first], holder[second] = holder[second], holder[first]


def text(random: Random, draft: Draft) -> None:
    """Write the manifest as something else than such JSON."""

    def deep(data: bytes) -> bytes:
        return data.replace(b'"entropy": {', b'"entropy": {"x": ' + b"[" * 50000 + b"]" * 50000 + b", ", 1)

    def huge(data: bytes) -> bytes:
        return data.replace(b'"stride": ', b'"stride": ' + b"9" * random.choice((20, 400, 5000)), 1)

    def twice(data: bytes) -> bytes:
        return data.replace(b'"entropy"', b'"files": {"../x": {"sha256": "' + b"0" * 64 + b'"}}, "entropy"', 1)

    def damaged(data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(random.choice((1, 3, 9))):
            changed[random.randrange(len(changed))] = random.randrange(256)
        return bytes(changed)

    draft.text = random.choice((
        deep, huge, twice, damaged,
        lambda data: data[: random.randrange(len(data))],
        lambda data: data + b" " * (1 << 20),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.decode().encode("utf-16"),
        lambda data: random.choice((b"", b"null", b"[]", b"0", b'"licrt-bundle"', b"[" * 100000, b'{"a":' * 100000)),
    ))  # fmt: skip


def names(random: Random, draft: Draft) -> None:
    """Call a file something that leads elsewhere."""
    name = random.choice(NAMES)
    files, graphs = draft.manifest["files"], draft.manifest["graphs"]
    old = random.choice(list(files))
    if random.random() < 0.7:
        files[name] = files.pop(old) if random.random() < 0.5 else files[old]
    for graph in graphs.values():
        if graph["file"] == old or random.random() < 0.3:
            graph["file"] = name


def places(random: Random, draft: Draft) -> None:
    """Put something that is no regular file in the place of one, or nothing."""
    name = random.choice((MANIFEST, TENSORS, *draft.files))
    link = random.choice(
        ("/dev/zero", "/dev/full", "/dev/stdin", "/etc/passwd", "/proc/self/mem", name, "..", "/nowhere")
    )
    kind = random.choice(("link", "link", "pipe", "folder", "empty", "nothing", "sparse"))

    def finish(directory: Path) -> None:
        path = directory / name
        path.unlink()
        if kind == "link":
            path.symlink_to(link)
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "empty":
            path.touch()
        elif kind == "sparse":
            path.touch()
            os.truncate(path, 1 << 40)

    draft.finish = finish


MUTATIONS = (value, value, number, number, missing, more, order, text, names, places)


def _places(node: Any) -> Iterator[Place]:
    """Yield every place of a value in JSON: what holds it, and its key."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from _places(node[key])


def _anything(random: Random) -> Any:
    """Return some JSON value."""
    nested: Any = []
    for _ in range(random.choice((1, 3, 900))):
        nested = [nested] if random.random() < 0.5 else {"a": nested}
    return random.choice((
        None, True, False, 0, 1, -1, 7, 1.0, 0.5, -0.0, float("nan"), float("inf"), 1e308, 1 << 31, 1 << 32, 1 << 63,
        1 << 64, 10**400, -(10**4000), "", "1", "x", "\0", "\ud800", "é", "x" * 100000, "[]", [], [1], [None],
        {}, {"a": 1}, nested, list(range(100000)), [[]] * 100,
    ))  # fmt: skip
