"""How far each stage is from the machine's limit, both measured in turns (Williams, Waterman and Patterson, 2009)."""

from __future__ import annotations

import statistics
from contextlib import closing
from typing import TYPE_CHECKING, Any

from licrt.runtime.bench.latency import measure
from licrt.runtime.bench.limits import Probe
from licrt.runtime.bench.work import work_of

if TYPE_CHECKING:
    from licrt.runtime.bench.latency import Rgb, Timed
    from licrt.runtime.bench.limits import Limits
    from licrt.runtime.bench.work import Work
    from licrt.runtime.bundle import Bundle


def roofline(codec: Timed, bundle: Bundle, rgb: Rgb, threads: int, repeat: int) -> dict[str, Any]:
    """Measure the limits and every stage of one picture in turns, `repeat` times after one that does not count.

    Returns:
        Medians: `flop_rate` and `byte_rate` of the machine; and for each stage its `seconds`, `flop`, `bytes`, the
        seconds of its `limit`, and `times_limit`: how many times as long it took, a median of ratios within turns.
    """
    turns: list[tuple[Limits, dict[str, float]]] = []
    with closing(Probe(threads)) as probe:
        for _ in range(repeat + 1):
            limits = probe.measure()
            measured = measure(codec, [rgb], warmup=0, repeat=1)
            directions = {"encode": measured.warm.encode, "decode": measured.warm.decode}
            times = {f"{kind} {stage}": s[0] for kind, stages in directions.items() for stage, s in stages.items()}
            turns.append((limits, times))
    del turns[0]
    work = work_of(bundle, rgb.shape[0], rgb.shape[1], measured.stream_bytes[0])
    stages = {name: name.split()[1] for name in times}
    return {
        "threads": threads,
        "flop_rate": statistics.median(limits.flop_rate for limits, _ in turns),
        "byte_rate": statistics.median(limits.byte_rate for limits, _ in turns),
        "stages": {
            name: _stage([(limits, times[name]) for limits, times in turns], work[stage])
            for name, stage in stages.items()
            if stage in work
        },
    }


def _stage(turns: list[tuple[Limits, float]], work: Work | None) -> dict[str, Any]:
    seconds = statistics.median(time for _, time in turns)
    if work is None:
        return {"seconds": seconds, "flop": None, "bytes": None, "limit": None, "times_limit": None}
    return {
        "seconds": seconds,
        **work._asdict(),
        "limit": statistics.median(work.limit(limits) for limits, _ in turns),
        "times_limit": statistics.median(time / work.limit(limits) for limits, time in turns),
    }
