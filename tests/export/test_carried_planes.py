"""Sums cut into planes: the pieces make the whole, and none is larger than it is said to be."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from licrt.export.carried_planes import DIGIT, Cut, digits, plan
from licrt.export.carried_values import LIMIT


@given(
    arrays(np.int64, 20, elements=st.integers(-(2**15), 2**15)),
    st.builds(Cut, st.integers(1, 4), st.integers(2, 11)),
)
def test_digits(values, cut):
    planes = digits(values, cut)
    assert len(planes) == cut.planes
    assert np.array_equal(sum(plane << (cut.bits * number) for number, plane in enumerate(planes)), values)
    for plane in planes[:-1]:
        assert plane.min() >= -(1 << cut.bits >> 1)
        assert plane.max() < 1 << cut.bits >> 1


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.integers(1, 3000),
    st.sampled_from([127, 2047, 32767]),
    st.sampled_from([2**9, 2**11, 2**13, 2**15]),
    st.sampled_from([0, 2**31 - 1, 2**40]),
)
def test_plans(seed, taps, largest, reach, bias):
    """Levels and biases make the whole sum, every plane has at most 11 bits, and the worst sum is below the limit."""
    random = np.random.default_rng(seed)
    matrix = random.integers(-largest, largest + 1, (3, taps))
    biases = random.integers(-bias, bias + 1, 3)
    found = plan(matrix, reach, biases, 10)
    weights = digits(matrix, found.weights)
    worst = np.where(matrix < 0, -reach, reach)  # of each row its own
    inputs = digits(worst, found.inputs)
    assert all(np.abs(plane).max() <= DIGIT for plane in (*weights, *inputs))
    exponents = [exponent for exponent, _ in found.levels]
    total = carry = np.zeros(3, np.int64)
    for number, ((exponent, pairs), amount) in enumerate(zip(found.levels, found.biases, strict=True)):
        level = amount + sum(((weights[j] * inputs[i]).sum(axis=1) for i, j in pairs), np.zeros(3, np.int64))
        total = total + (level << exponent)
        assert np.abs(level + carry).max() < LIMIT
        if number + 1 < len(exponents):
            carry = (level + carry) >> (exponents[number + 1] - exponent)
    assert np.array_equal(total, (matrix * worst).sum(axis=1) + biases)


def test_the_fewest_planes_are_taken():
    """One of each where sums and digits allow, then more of what has more bits."""
    zero = np.zeros(1, np.int64)
    cases = [
        (100, 127, 2**9, (1, 1)),  # sums of 6.5 million
        (300, 127, 2**9, (1, 2)),  # of 19.5 million
        (100, 30000, 2**9, (1, 2)),  # weights of 15 bits
        (10, 2000, 2**13, (2, 1)),  # activations of 14 bits
        (1000, 2000, 2**13, (2, 2)),
        (1000, 30000, 2**13, (2, 2)),
        (3000, 21845, 2**15, (2, 3)),  # whose digits are all of the same sign
    ]
    for taps, weight, reach, expected in cases:
        found = plan(np.full((1, taps), weight), reach, zero, 12)
        assert (found.inputs.planes, found.weights.planes) == expected, (taps, weight, reach)
