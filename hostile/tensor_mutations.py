"""Ways to change a bundle's integer tensors: functions of a random generator and a draft."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from drafts import TENSORS
from safetensors.numpy import save

if TYPE_CHECKING:
    from random import Random

    from drafts import Draft

_TYPES = (np.int8, np.uint8, np.int16, np.int32, np.int64, np.float32, np.float16, np.uint16)


def values(random: Random, draft: Draft) -> None:
    """Give a few numbers of a tensor other values: limits of the type, neighbours, anything."""
    name = _pick(random, draft)
    array = draft.tensors[name]
    numbers = array.reshape(-1)
    for _ in range(random.choice((1, 1, 4, 64)) if numbers.size else 0):
        place = random.randrange(numbers.size)
        numbers[place] = _value(random, array.dtype, numbers[place])


def fills(random: Random, draft: Draft) -> None:
    """Give all numbers of a tensor one value, or any."""
    array = draft.tensors[_pick(random, draft)]
    if random.random() < 0.3:
        limits = np.iinfo(array.dtype)
        numbers = np.random.default_rng(random.getrandbits(64))
        array[...] = numbers.integers(limits.min, limits.max, array.shape, array.dtype, endpoint=True)
    else:
        array[...] = _value(random, array.dtype, 0)


def sorted_values(random: Random, draft: Draft) -> None:
    """Change tables and thresholds in such a way that they still rise, which is what is checked of them."""
    names = [name for name in draft.tensors if name.endswith((".cdf", "thresholds"))]
    array = draft.tensors[random.choice(names)]
    values_there = array.reshape(-1, array.shape[-1])
    row = values_there[random.randrange(len(values_there))]
    begin = random.randrange(row.size)
    part = row[begin : begin + random.choice((2, 8, 70))]
    low, high = int(part.min()), int(part.max())
    part[...] = sorted(random.randint(low, max(low, high)) for _ in range(part.size))


def shapes(random: Random, draft: Draft) -> None:
    """Turn a tensor round, or make it longer, shorter, empty or a single number."""
    name = _pick(random, draft)
    array = draft.tensors[name]
    size = array.size
    axis = random.randrange(array.ndim) if array.ndim else 0
    draft.tensors[name] = random.choice((
        lambda: array.reshape(-1), lambda: array.reshape(1, *array.shape), lambda: array.reshape(*array.shape, 1),
        lambda: array.T.copy(), lambda: array.reshape(-1)[:0], lambda: array.reshape(-1)[: size // 2],
        lambda: array.reshape(-1)[:1].reshape(()), lambda: np.concatenate([array, array], axis),
        lambda: np.delete(array, 0, axis), lambda: np.zeros((0, *array.shape[1:]), array.dtype),
        lambda: np.zeros((*array.shape[:-1], 0), array.dtype), lambda: np.repeat(array, 3, axis),
    ))()  # fmt: skip


def types(random: Random, draft: Draft) -> None:
    """Store a tensor as another type."""
    name = _pick(random, draft)
    draft.tensors[name] = draft.tensors[name].astype(random.choice(_TYPES))


def exchanged(random: Random, draft: Draft) -> None:
    """Take one tensor for another, leave one out, or add one."""
    first, second = _pick(random, draft), _pick(random, draft)
    action = random.choice(("exchange", "copy", "drop", "rename", "add"))
    tensors = draft.tensors
    if action == "exchange":
        tensors[first], tensors[second] = tensors[second], tensors[first]
    elif action == "copy":
        tensors[first] = tensors[second].copy()
    elif action == "drop":
        del tensors[first]
    else:
        tensors[random.choice((f"{first}2", "context.latent_shift", "rates.shift"))] = tensors[first]
        if action == "rename":
            del tensors[first]


def header(random: Random, draft: Draft) -> None:
    """Change the header of the file, which says where each tensor is."""
    data = save({name: np.ascontiguousarray(array) for name, array in draft.tensors.items()})
    size = int.from_bytes(data[:8], "little")
    entries, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    entry = entries[random.choice([name for name in entries if name != "__metadata__"])]
    numbers = (-1, 0, 1, 3, 1 << 31, 1 << 39, 1 << 40, 1 << 62, 1 << 64, 10**40, 1.0, "2", None, True, [1])
    action = random.choice(("shape", "offsets", "dtype", "text", "length", "body", "entry"))
    if action == "shape":
        entry["shape"] = [random.choice((*entry["shape"], *numbers)) for _ in range(random.randrange(7))]
    elif action == "offsets":
        entry["data_offsets"][random.randrange(2)] = random.choice(numbers)
    elif action == "dtype":
        entry["dtype"] = random.choice(("F16", "BF16", "U64", "BOOL", "I4", "", None, 3, ["I8"]))
    elif action == "entry":
        entries[random.choice(("\ud800", "é", "x" * 1000, "gaussian.cdf"))] = random.choice((entry, 0, [], {}, None))
    text = json.dumps(entries).encode()
    if action == "text":
        text = random.choice(
            (b"[" * 100000, b"", b"{}", text[: random.randrange(len(text))], b'{"a":' * 20000, b"null")
        )
    length = random.choice((0, len(text) - 1, len(text) + 1, 1 << 20, 1 << 63)) if action == "length" else len(text)
    if action == "body":
        body = random.choice((body[:-1], body + b"\0", b"", body[: len(body) // 2]))
    draft.files[TENSORS] = length.to_bytes(8, "little") + text + body


MUTATIONS = (values, values, values, fills, sorted_values, shapes, shapes, types, exchanged, header)


def _pick(random: Random, draft: Draft) -> str:
    """Return the name of a tensor; the small ones, on which sizes and shifts depend, as often as the others."""
    return random.choice(sorted(draft.tensors))


def _value(random: Random, dtype: np.dtype[Any], old: Any) -> int:
    limits = np.iinfo(dtype)
    old = int(old)
    near = (old + 1, old - 1, -old, old * 2, 0, 1, -1, 31, 32, 62, 63)
    edges = (limits.min, limits.max, limits.min + 1, limits.max - 1, limits.max // 2, 65535, 65536)
    return min(max(random.choice((*near, *edges, random.randint(limits.min, limits.max))), limits.min), limits.max)
