"""How the sums of a layer are cut into pieces that float32 holds: planes of activations and of weights.

An integer is cut into digits of k bits: x = x_0 + x_1·2^k + …, where all but the last are between -2^(k-1) and
2^(k-1) - 1. A plane is one digit of a whole tensor. The sum of products x·w is that of the sums over plane i of x and
plane j of w, weighted 2^(i·k + j·l); those of equal weight make a level. Smaller digits give smaller sums, and more.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from licrt.export.carried_values import LIMIT
from licrt.runtime.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    Int = npt.NDArray[np.int64]

DIGIT = 1 << 11  # magnitude of what a plane holds: 11 significant bits, so that TF32 and float16 hold it too
_MOST_PLANES = 4


class Cut(NamedTuple):
    """So many planes, each but the last of so many bits."""

    planes: int
    bits: int


class Plan(NamedTuple):
    """How activations and weights are cut.

    Attributes:
        inputs, weights: the cuts.
        levels: the exponent of each level, ascending, and which planes of activations and weights meet there; the
            last ones may be empty, for sums that outgrow the level below.
        biases: the part of the bias that each level adds, `[rows]`.
    """

    inputs: Cut
    weights: Cut
    levels: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]
    biases: tuple[Int, ...]


def digits(values: Int, cut: Cut) -> list[Int]:
    """Return the planes of integers.

    >>> [plane.tolist() for plane in digits(np.array([300, -300, 8]), Cut(2, 4))]
    [[-4, 4, -8], [19, -19, 1]]
    """
    planes = []
    for _ in range(cut.planes - 1):
        rest = (values + (1 << cut.bits >> 1)) >> cut.bits
        planes.append(values - (rest << cut.bits))
        values = rest
    return [*planes, values]


def plan(matrix: Int, low: Int, high: Int, bias: Int, shift: int, limit: int = LIMIT) -> Plan:
    """Find the fewest planes with which no sum of a layer reaches a limit.

    Args:
        matrix: weights, `[rows, columns]`.
        low, high: range of what each column is multiplied by.
        bias: what is added to each row's sum.
        shift: the fewest bits that requantisation drops; levels below it need no rest of their own.
        limit: what magnitudes stay below.

    Raises:
        ModelError: there is no such plan.
    """
    for inputs, weights in _candidates(max(int(-low.min()), int(high.max())), int(np.abs(matrix).max()), shift):
        found = _levels(matrix, low, high, bias, inputs, weights, limit)
        if found:
            return found
    raise ModelError(f"no planes keep its sums below {limit}")


def _candidates(value: int, weight: int, shift: int) -> Iterator[tuple[Cut, Cut]]:
    """Return cuts for magnitudes, cheapest first: in convolutions, then in levels, then in rests to keep."""

    def cost(cuts: tuple[Cut, Cut]) -> tuple[int, int, bool, int]:
        inputs, weights = cuts
        exponents = _exponents(*cuts)
        count, top = inputs.planes * weights.planes, max(exponents)
        return count, len(exponents), top > shift, abs(inputs.bits - weights.bits)

    yield from sorted(product(_cuts(value), _cuts(weight)), key=cost)


def _cuts(magnitude: int) -> list[Cut]:
    whole = [Cut(1, 0)] if magnitude <= DIGIT else []
    several = (Cut(planes, bits) for planes in range(2, _MOST_PLANES + 1) for bits in range(2, 12))
    return [*whole, *(cut for cut in several if magnitude >> (cut.bits * (cut.planes - 1)) < DIGIT)]


def _exponents(inputs: Cut, weights: Cut) -> dict[int, list[tuple[int, int]]]:
    found: dict[int, list[tuple[int, int]]] = {}
    for i, j in product(range(inputs.planes), range(weights.planes)):
        found.setdefault(i * inputs.bits + j * weights.bits, []).append((i, j))
    return dict(sorted(found.items()))


def _levels(matrix: Int, low: Int, high: Int, bias: Int, inputs: Cut, weights: Cut, limit: int) -> Plan | None:
    """Return the plan for these cuts, or None where a sum reaches the limit."""
    reach = [np.maximum(np.abs(a), np.abs(b)) for a, b in zip(digits(low, inputs), digits(high, inputs), strict=True)]
    for plane in reach[:-1]:
        plane[:] = 1 << inputs.bits >> 1  # whatever the ends have there, something between them has this
    parts = [np.abs(part) for part in digits(matrix, weights)]
    exponents = _exponents(inputs, weights)
    levels: list[tuple[int, tuple[tuple[int, int], ...]]] = []
    biases: list[Int] = []
    carry = np.zeros(len(matrix), np.int64)
    while True:
        number = len(levels)
        above = sorted(exponents)[number + 1 : number + 2]
        exponent = sorted(exponents)[number]
        pairs = tuple(exponents[exponent])
        sums = carry + sum((parts[j] @ reach[i] for i, j in pairs), np.zeros_like(carry))
        levels.append((exponent, pairs))
        if not above and (sums + np.abs(bias)).max() < limit:
            return Plan(inputs, weights, tuple(levels), (*biases, bias))
        if not above and not pairs and sums.max() >= limit:
            return None
        if not above:
            exponents[exponent + 11] = []
            above = [exponent + 11]
        width = above[0] - exponent
        digit = bias & ((1 << width) - 1)
        if (sums + digit).max() >= limit:
            return None
        biases.append(digit)
        bias = bias >> width
        carry = ((sums + digit) >> width) + 1
