"""Which meters there are, and what they used between two moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from licrt.runtime.meters.meter import NoMeterError
from licrt.runtime.meters.opening import metered, open_meters

if TYPE_CHECKING:
    from collections.abc import Mapping


class Counter:
    """Uses 2 J between two readings."""

    def __init__(self) -> None:
        self.used, self.closed = 0.0, False

    def joules(self) -> Mapping[str, float]:
        self.used += 2.0
        return {"all": self.used}

    def close(self) -> None:
        self.closed = True


def absent() -> Counter:
    raise NoMeterError("not on this machine")


def test_what_is_used_inside() -> None:
    counter = Counter()
    with open_meters({"a": lambda: counter, "b": absent}) as meters:
        assert meters.missing == {"b": "not on this machine"}
        with metered(meters) as used:
            meters.joules()
        assert used == {"a all": 4.0}
    assert counter.closed


def test_meters_are_closed_whatever_happens() -> None:
    counter = Counter()
    with pytest.raises(RuntimeError), open_meters({"a": lambda: counter}):
        raise RuntimeError
    assert counter.closed


def test_this_machine_says_of_each_meter_whether_it_is_there() -> None:
    with open_meters() as meters:
        assert {*meters.found, *meters.missing} == {"tegrastats", "nvml", "rapl"}
        assert all(joules >= 0 for joules in meters.joules().values())
