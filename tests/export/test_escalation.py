"""Which widths export takes, from measurements alone."""

from __future__ import annotations

import pytest

from licrt.export.check import Cost
from licrt.export.escalation import choose as choose_widths
from licrt.export.quantise import ESCALATION, Widths
from licrt.runtime.errors import ModelError

PERFECT = Cost(1000, 1000, (0.0,), 0.0)
NOISY = Cost(1000, 1003, (0.015,), 1.0)
FAITHFUL = Cost(1000, 1003, (0.015,), 0.5)
BAD = Cost(1000, 1006, (0.0,), 0.0)


def choose(costs: list[Cost | None]) -> tuple[str, list[str]]:
    """Name of the widths chosen when each in turn costs this (None: cannot hold the network), and what was said."""
    tried: list[Widths] = []
    lines: list[str] = []

    def build(widths: Widths):
        tried.append(widths)
        if costs[len(tried) - 1] is None:
            raise ModelError("layer 0: too narrow")
        return tried

    _, report = choose_widths(build, lambda *_: costs[len(tried) - 1], ESCALATION, lines.append)
    return report["widths"], lines


@pytest.mark.parametrize(
    ("costs", "chosen"),
    [
        ([PERFECT], "w8a10"),
        ([NOISY, PERFECT], "w8a12"),
        ([None, BAD, PERFECT], "w8a13"),
        ([NOISY, FAITHFUL, NOISY, BAD, NOISY], "w8a12"),  # nothing perfect in 32 bits: the most faithful, not 64 bits
        ([BAD, BAD, BAD, BAD, BAD, NOISY, BAD], "w16a13acc64"),
    ],
)
def test_choice(costs: list[Cost | None], chosen: str) -> None:
    assert choose(costs)[0] == chosen


def test_what_cannot_be_built_is_said() -> None:
    assert "w8a10 cannot hold the model: layer 0: too narrow" in choose([None, PERFECT])[1][0]


def test_nothing_within_the_limits_is_refused() -> None:
    with pytest.raises(ModelError, match="at every width"):
        choose([BAD] * len(ESCALATION))
