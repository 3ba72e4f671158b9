"""JSON as bundles use it: UTF-8, no key twice, no numbers that JSON does not have or that are absurdly long."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

_MAX_DIGITS = 40  # int() of a million digits takes a minute


def parse(data: bytes) -> Any:
    r"""Return what the bytes say.

    Raises:
        ValueError: they are not such JSON.
        RecursionError: they are nested too deeply.

    >>> parse(b'{"a": [1, 2.5, "b"]}')
    {'a': [1, 2.5, 'b']}
    >>> parse(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ValueError: 'a' occurs twice
    """
    return json.loads(
        data.decode("utf-8"),
        object_pairs_hook=_object,
        parse_int=_integer,
        parse_float=_number,
        parse_constant=_constant,
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:  # which of them counts differs from parser to parser
            raise ValueError(f"{key!r} occurs twice")
        found[key] = value
    return found


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:_MAX_DIGITS]} is too large")
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
