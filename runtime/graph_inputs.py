"""The inputs of an ONNX graph: engines that are built for shapes must know them before they read the graph.

Field numbers as in `graph.py`.
"""

from __future__ import annotations

from typing import NamedTuple

from licrt.runtime.errors import ModelError
from licrt.runtime.graph import fields

_GRAPH, _INITIALISER, _TENSOR_NAME, _INPUT, _NAME, _TYPE = 7, 5, 8, 11, 1, 2
_TENSOR_TYPE, _SHAPE, _DIMENSION, _VALUE = 1, 2, 1, 1


class Input(NamedTuple):
    """One input: its name, and its shape, in which None stands for any number."""

    name: str
    shape: tuple[int | None, ...]


def graph_inputs(data: bytes, name: str) -> tuple[Input, ...]:
    """Return the inputs of a graph, in order, without constants that are listed among them.

    Args:
        data: the bytes of an ONNX file that `check_graph` has passed.
        name: what to call it in messages.

    Raises:
        ModelError: it is no such file.

    >>> from pathlib import Path
    >>> from licrt.runtime.models import find
    >>> graph_inputs((find("default") / "synthesis.onnx").read_bytes(), "it")
    (Input(name='input', shape=(1, 384, None, None)),)
    """
    graph = _message(memoryview(data), _GRAPH, name)
    constants = {_text(_message(each, _TENSOR_NAME, name)) for each in _messages(graph, _INITIALISER, name)}
    inputs = (_input(each, name) for each in _messages(graph, _INPUT, name))
    return tuple(each for each in inputs if each.name not in constants)


def _input(message: memoryview, name: str) -> Input:
    kind = _message(message, _TYPE, name)
    shape = _message(_message(kind, _TENSOR_TYPE, name), _SHAPE, name)
    sizes = (_size(each, name) for each in _messages(shape, _DIMENSION, name))
    return Input(_text(_message(message, _NAME, name)), tuple(sizes))


def _size(dimension: memoryview, name: str) -> int | None:
    values = [value for number, value in fields(dimension, name) if number == _VALUE]
    value = values[0] if values else None
    return value if isinstance(value, int) and 0 < value < 1 << 63 else None  # beyond are negative numbers


def _messages(message: memoryview, wanted: int, name: str) -> list[memoryview]:
    return [value for number, value in fields(message, name) if number == wanted and isinstance(value, memoryview)]


def _message(message: memoryview, wanted: int, name: str) -> memoryview:
    found = _messages(message, wanted, name)
    if not found:
        raise ModelError(f"{name} has an input without name or shape; export the model again")
    return found[0]


def _text(message: memoryview) -> str:
    return bytes(message).decode(errors="replace")
