import sys

import pytest

from licrt.runtime.strict_json import parse


def test_ordinary_json_is_read_as_ever() -> None:
    text = '{"a": [1, -2, 3.5, 1e-9, true, null], "ä": {"b": {}}, "c": "\\u00e9", "d": 18446744073709551616}'
    assert parse(text.encode()) == {
        "a": [1, -2, 3.5, 1e-9, True, None],
        "ä": {"b": {}},
        "c": "é",
        "d": 1 << 64,
    }


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 1, "a": 1}',
        b'[{"b": {"a": 1, "\\u0061": 2}}]',
        b"NaN",
        b"[Infinity]",
        b'{"a": -Infinity}',
        b"1e999",
        b"-1e999",
        b"9" * 5000,
        b"-" + b"9" * 1_000_000,
        "{}".encode("utf-16"),
        "{}".encode("utf-32"),
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b"{} {}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"",
    ],
)
def test_what_parsers_disagree_on_or_take_long_for_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)


def test_deep_nesting_is_an_error_too() -> None:
    for opening in (b"[", b'{"a":'):
        with pytest.raises(RecursionError):
            parse(opening * 20 * sys.getrecursionlimit())
