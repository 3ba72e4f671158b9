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
    Int = npt.NDArray[np.int64]

DIGIT = 1 << 11  # magnitude of what a plane holds: 11 significant bits, so that TF32 and float16 hold it too
_MOST_PLANES = 4
_MORE_BITS = 11  # of a level that sums grow beyond


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


def plan(matrix: Int, reach: int, bias: Int, shift: int, limit: int = LIMIT) -> Plan:
    """Find the fewest planes with which no sum of a layer reaches a limit.

    Args:
        matrix: weights, `[rows, columns]`.
        reach: the largest magnitude of what they are multiplied by.
        bias: what is added to each row's sum.
        shift: the fewest bits that requantisation drops; levels below it need no rest of their own.
        limit: what magnitudes stay below.

    Raises:
        ModelError: there is no such plan.
    """
    weights = {cut: [np.abs(plane).sum(axis=1) for plane in digits(matrix, cut)] for cut in _cuts(np.abs(matrix).max())}
    cuts = product(_cuts(reach), weights)
    for pair in sorted(cuts, key=lambda pair: _cost(pair[0], pair[1], shift)):
        values = _reaches(reach, pair[0])
        exponents = _exponents(*pair)
        sums = [sum(values[i] * weights[pair[1]][j] for i, j in planes) for planes in exponents.values()]
        biases = _carried(list(exponents), [np.asarray(each) for each in sums], bias, limit)
        if biases:
            levels = [*exponents.items(), *((exponent, ()) for exponent in list(biases)[len(exponents) :])]
            return Plan(*pair, tuple(levels), tuple(biases.values()))
    raise ModelError(f"no planes keep its sums below {limit}")


def _cost(inputs: Cut, weights: Cut, shift: int) -> tuple[int, int, bool, int]:
    """What is to be small: the number of convolutions, of levels, whether rests are kept, and unevenness."""
    exponents = _exponents(inputs, weights)
    return inputs.planes * weights.planes, len(exponents), max(exponents) > shift, abs(inputs.bits - weights.bits)


def _cuts(magnitude: int) -> list[Cut]:
    """Return the cuts whose last plane of numbers of so much is no larger than a digit may be."""
    whole = [Cut(1, 0)] if magnitude <= DIGIT else []
    several = (Cut(planes, bits) for planes in range(2, _MOST_PLANES + 1) for bits in range(2, 12))
    return [*whole, *(cut for cut in several if magnitude >> (cut.bits * (cut.planes - 1)) < DIGIT)]


def _exponents(inputs: Cut, weights: Cut) -> dict[int, tuple[tuple[int, int], ...]]:
    """Return which planes meet in each level, ascending."""
    found: dict[int, tuple[tuple[int, int], ...]] = {}
    for i, j in product(range(inputs.planes), range(weights.planes)):
        exponent = i * inputs.bits + j * weights.bits
        found[exponent] = (*found.get(exponent, ()), (i, j))
    return dict(sorted(found.items()))


def _reaches(reach: int, cut: Cut) -> list[int]:
    """Return the largest magnitude of each plane of numbers of at most so much."""
    last = digits(np.array([-reach, reach]), cut)[-1]
    return [*[1 << cut.bits >> 1] * (cut.planes - 1), int(np.abs(last).max())]


def _carried(exponents: list[int], sums: list[Int], bias: Int, limit: int) -> dict[int, Int] | None:
    """Share a bias out among levels that have such sums at most; levels are added above while the last one overflows.

    Returns:
        What each level adds, by its exponent; None where one reaches the limit.
    """
    found: dict[int, Int] = {}
    carry = np.zeros_like(bias)
    while True:
        number = len(found)
        total = carry + (sums[number] if number < len(sums) else 0)
        if number >= len(sums) - 1 and (total + np.abs(bias)).max() < limit:
            return {**found, exponents[number]: bias}
        if number + 1 == len(exponents):
            exponents = [*exponents, exponents[number] + _MORE_BITS]
        width = exponents[number + 1] - exponents[number]
        digit = bias & ((1 << width) - 1)
        if (total + digit).max() >= limit:
            return None
        found[exponents[number]] = digit
        bias, carry = bias >> width, ((total + digit) >> width) + 1
