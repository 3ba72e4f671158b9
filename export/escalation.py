"""Which widths an integer network gets: the narrowest that behave like floats (docs/adr/0002-widths.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from licrt.export.check import PSNR_LIMIT_DB, RATE_LIMIT_PERCENT, Cost
from licrt.runtime.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from licrt.export.integers import Integers
    from licrt.export.quantise import Widths

    Say = Callable[[str], None]


def choose(
    build: Callable[[Widths], Integers],
    measure: Callable[[Integers], Cost],
    candidates: Sequence[Widths],
    say: Say,
) -> tuple[Integers, dict[str, Any]]:
    """Return the first integers that are like the float model, or else the most faithful ones within the limits.

    Candidates with 64-bit accumulators take twice the time: they are for models that nothing else keeps in the limits.
    """
    passing: list[tuple[float, int, Integers, dict[str, Any]]] = []
    for candidate in candidates:
        if passing and candidate.accumulator_bits == 64:
            break
        try:
            integers = build(candidate)
        except ModelError as error:
            say(f"integers {candidate.name} cannot hold the model: {error}")
            continue
        cost = measure(integers)
        say(
            f"integers {candidate.name} against floats on photographs: "
            f"rate {cost.rate_percent:+.3f} %, PSNR {-cost.psnr_loss_db:+.4f} dB, "
            f"{cost.changed_percent:.2f} % of the latents changed"
        )
        report = {
            "widths": candidate.name,
            "rate_percent": round(cost.rate_percent, 4),
            "psnr_loss_db": round(cost.psnr_loss_db, 5),
            "changed_percent": round(cost.changed_percent, 4),
        }
        if cost.good:
            return integers, report
        if cost.passes:
            passing.append((cost.changed_percent, len(passing), integers, report))
    if not passing:
        raise ModelError(
            f"integers cost more than {RATE_LIMIT_PERCENT} % rate or {PSNR_LIMIT_DB} dB at every width. "
            "Calibrate on pictures like yours with --calibration DIR, or export anyway with --no-check"
        )
    *_, integers, report = min(passing, key=lambda entry: entry[:2])
    say(f"integers {report['widths']} chosen: fewest changed latents within the limits")
    return integers, report
