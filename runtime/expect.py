"""Checks of what comes from strangers: each raises ModelError with what was found and what was expected."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Any

from licrt.runtime.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray


_SHORT = reprlib.Repr()
_SHORT.maxstring = 100


def shown(value: object) -> str:
    r"""Describe what a stranger wrote in one short line that can be printed, however long or deep it is.

    >>> shown("a\nb"), shown([[[[[[[1]]]]]]]), shown("a" * 1000)[:9]
    ("'a\\nb'", '[[[[[[...]]]]]]', "'aaaaaaaa")
    """
    text = _SHORT.repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def expect(condition: bool, message: str) -> None:
    """Raise ModelError with the message unless the condition holds."""
    if not condition:
        raise ModelError(message)


def expect_in(name: str, value: int, low: int, high: int) -> None:
    """Expect an int from low to high."""
    # Manifests come from anywhere, and JSON has 2.0 and true as well.
    expect(type(value) is int and low <= value <= high, f"{name} is {shown(value)}, expected {low} to {high}")


def expect_array(name: str, array: NDArray[Any], shape: tuple[int, ...], *dtypes: type) -> None:
    """Expect an array of that shape and one of these dtypes."""
    expect(array.shape == shape, f"{name} has shape {array.shape}, expected {shape}")
    allowed = " or ".join(dtype.__name__ for dtype in dtypes)
    expect(array.dtype in dtypes, f"{name} is {array.dtype}, expected {allowed}")
