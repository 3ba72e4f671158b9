"""What an ONNX file of a bundle may hold: constants and operators of the standard, and nothing that reaches further.

Inference engines do what a graph says. Constants may lie in other files, which ONNX Runtime opens wherever they are
(1.20 on the whole machine, 1.32 below the working directory), or even at addresses of its own memory; loops need not
end; functions and foreign domains name code of others. Bundles come from anywhere and need none of that, so a graph
that has it is refused before an engine sees it. How much time and memory the operators take, nobody can tell
beforehand: docs/hostile-input.md.

The file is a message of protocol buffers (https://protobuf.dev/programming-guides/encoding), with the field numbers of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Only fields that are named here are accepted, so that whatever
is added to the format later is refused until somebody has looked at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from licrt.runtime.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Bytes 4 to 7 by which ONNX Runtime tells its own format, whose graphs are laid out in another way, from ONNX; a file
# can be both.
_FLAT = b"ORTM"
_EXPECTED = "expected constants and standard operators alone, as export-model writes them"
_STANDARD = (b"", b"ai.onnx")  # the domain of the operators that ONNX defines


class _Message(NamedTuple):
    """A kind of message: its fields by number.

    Attributes:
        kind: what errors call it.
        plain: fields that may hold anything.
        inner: fields that are messages.
        fixed: fields that may hold these values only.
        refused: what it would mean to have one of the fields that are refused, for errors.
    """

    kind: str
    plain: frozenset[int]
    inner: Mapping[int, _Message] = {}
    fixed: Mapping[int, tuple[bytes | int, ...]] = {}
    refused: Mapping[int, str] = {}


_TENSOR = _Message(
    "constant",
    frozenset({1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 16}),
    fixed={14: (0,)},
    refused={3: "segments", 6: "text", 13: "data in another file", 14: "data in another file"},
)
_ATTRIBUTE = _Message(
    "node", frozenset({1, 2, 3, 4, 7, 8, 9, 13, 20}), {5: _TENSOR, 10: _TENSOR}, refused={6: "a graph", 11: "graphs"}
)
_NODE = _Message(
    "node",
    frozenset({1, 2, 3, 4, 6, 9}),
    {5: _ATTRIBUTE},
    {7: _STANDARD},
    {7: "an operator that is none of the ONNX standard"},
)
_GRAPH = _Message("graph", frozenset({2, 10, 11, 12, 13, 16}), {1: _NODE, 5: _TENSOR}, refused={15: "sparse constants"})
_OPERATORS = _Message("list", frozenset({2}), {}, {1: _STANDARD}, {1: "operators that are none of the ONNX standard"})
_MODEL = _Message(
    "file",
    frozenset({1, 2, 3, 4, 5, 6, 14}),
    {7: _GRAPH, 8: _OPERATORS},
    refused={20: "a training loop", 25: "functions"},
)


def check_graph(data: bytes, name: str) -> None:
    r"""Check that a graph holds nothing but constants and standard operators, whatever engine will run it.

    Args:
        data: the bytes of an ONNX file.
        name: what to call it in messages.

    Raises:
        ModelError: it holds something else, or is no such file.

    >>> check_graph(b"\x08\x0a", "a graph")
    >>> check_graph(b"\x3a\x05\x2a\x03\x6a\x01\x00", "the synthesis")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    licrt.runtime.errors.ModelError: the synthesis has a constant with data in another file; expected constants ...
    """
    if data[4:8] == _FLAT:
        raise ModelError(f"{name} is in a format of ONNX Runtime's own; {_EXPECTED}")
    _check(memoryview(data), _MODEL, name)


def _check(message: memoryview, allowed: _Message, name: str) -> None:
    for number, value in fields(message, name):
        if number in allowed.inner and isinstance(value, memoryview):
            _check(value, allowed.inner[number], name)
        elif number not in allowed.plain and value not in allowed.fixed.get(number, ()):
            what = allowed.refused.get(number, f"an unknown field {number}")
            raise ModelError(f"{name} has a {allowed.kind} with {what}; {_EXPECTED}")


def fields(message: memoryview, name: str) -> Iterator[tuple[int, memoryview | int | None]]:
    """Yield number and value of each field of a message: an integer, bytes, or None for fixed-size numbers.

    Raises:
        ModelError: it is no message.
    """
    place = 0
    while place < len(message):
        tag, place = _varint(message, place, name)
        number, wire = tag >> 3, tag & 7
        value: memoryview | int | None = None
        if wire == 0:
            value, place = _varint(message, place, name)
        elif wire in (1, 5):
            place += 8 if wire == 1 else 4
        elif wire == 2:
            size, place = _varint(message, place, name)
            value = message[place : place + size]
            place += size
        else:
            raise _damaged(name)
        if place > len(message):
            raise _damaged(name)
        yield number, value


def _varint(message: memoryview, place: int, name: str) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        octet = message[place]
        value |= (octet & 127) << shift
        place += 1
        if octet < 128:
            return value, place
    raise _damaged(name)


def _damaged(name: str) -> ModelError:
    return ModelError(f"{name} is not an ONNX file; export or install the model again")
