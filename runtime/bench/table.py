"""The report of `lic-run bench` for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

COLUMNS = ("min", "mean", "p50", "p90", "p99", "max")


def table(report: Mapping[str, Any]) -> str:
    """Return a report as lines of text."""
    parts = [_heading(report), *(_stages(kind, report[kind]) for kind in ("encode", "decode"))]
    if report["throughput"]:
        parts.append(_throughput(report["throughput"]))
    if report["cold_start"]:
        parts.append(_cold_start(report["cold_start"]))
    parts.append(_resources(report))
    if report["jetson"]:
        parts.append(_jetson(report["jetson"], report["machine"]))
    if report["anchors"]:
        parts.append(_anchors(report["anchors"]))
    if report["roofline"]:
        parts.append(_roofline(report["roofline"]))
    if report["comparison"]:
        parts.append(_comparison(report["comparison"]))
    return "\n\n".join("\n".join(lines) for lines in parts)


def _heading(report: Mapping[str, Any]) -> Iterable[str]:
    engine, model = _pairs(report["engine"]), report["model"]
    yield f"licrt {report['versions']['licrt']}, model {model['name']} ({model['id'][:8]}), {engine}"
    yield f"{report['environment']['cpu']}, {report['environment']['cpus']} CPUs, {report['system']}"
    for image in report["images"]:
        size = f"{image['width']} x {image['height']}"
        yield f"{image['file']}: {size}, {image['bytes']:,} bytes, {image['bpp']:.3f} bpp"
    yield f"load {1e3 * report['load']:.1f} ms"


def _stages(kind: str, part: Mapping[str, Any]) -> Iterable[str]:
    yield f"{kind + ' [ms]':<18}{'cold':>10}" + "".join(f"{column:>10}" for column in COLUMNS)
    for stage, warm in part["warm"].items():
        times = [part["cold"].get(stage), *(warm[column] for column in COLUMNS)]
        yield f"{stage:<18}" + "".join(f"{_milliseconds(seconds):>10}" for seconds in times)
    yield f"{part['megapixels_per_second']:.2f} MP/s over {part['warm']['total']['n']} calls"


def _throughput(part: Mapping[str, Any]) -> Iterable[str]:
    yield f"{'throughput':<18}{'workers':>10}{'threads':>10}{'batch':>10}{'images/s':>10}{'MP/s':>10}"
    for kind, entries in part.items():
        for entry in entries:
            counts = "".join(f"{entry[name]:>10}" for name in ("workers", "threads", "batch"))
            yield f"{kind:<18}{counts}{entry['images_per_second']:>10.2f}{entry['megapixels_per_second']:>10.2f}"
            for meter, joules in entry["joules_per_image"].items():
                yield f"  {meter}: {joules:.3f} J/image"


def _cold_start(part: Mapping[str, Any]) -> Iterable[str]:
    yield f"{'new process [ms]':<18}{'min':>10}{'p50':>10}{'max':>10}{'peak':>14}"
    for kind, entry in part.items():
        times = "".join(f"{_milliseconds(entry['seconds'][name]):>10}" for name in ("min", "p50", "max"))
        yield f"{kind:<18}{times}{_mebibytes(entry['peak_memory_bytes']):>14}"


def _resources(report: Mapping[str, Any]) -> Iterable[str]:
    yield f"peak memory of this process {_mebibytes(report['peak_memory_bytes'])}"
    if report["gpu_memory_bytes"]:
        for device, used in report["gpu_memory_bytes"]["after"].items():
            before = report["gpu_memory_bytes"]["before"].get(device)
            yield f"memory in use on GPU {device}: {_mebibytes(before)} before, {_mebibytes(used)} after"
    energy = report["energy"]
    yield f"energy: {', '.join(energy['meters']) or 'no meter'}"
    for name, reason in energy["missing"].items():
        yield f"  no {name}: {reason}"
    machine = report["machine"]
    yield f"load {_load(machine['before'])} before, {_load(machine['after'])} after"
    slowed = machine["throttled"]
    yield f"throttled: {'not counted here' if slowed is None else ', '.join(slowed) or 'no'}"


def _jetson(part: Mapping[str, Any], machine: Mapping[str, Any]) -> Iterable[str]:
    board, watched = part["board"], part["tegrastats"]
    yield f"{board['model']}, L4T {board['l4t_version']}, JetPack {board['jetpack']}"
    yield f"power mode: {' '.join((board['power_mode'] or 'unknown').split())}"
    for name in ("governors", "lowest_frequencies_khz", "highest_frequencies_khz", "devices"):
        if board[name]:
            yield f"{name.replace('_', ' ')}: {_pairs(board[name])}"
    for when in ("before", "after"):
        zones = machine[when]["temperatures"] or {}
        shown = (f"{zone.partition(' ')[2]} {value / 1e3:.1f}" for zone, value in zones.items() if value is not None)
        yield f"temperatures {when} [°C]: {', '.join(shown) or 'unknown'}"
    if watched:
        yield f"tegrastats, {watched['samples']} lines"
        yield f"  highest [°C]: {_pairs(watched['highest_celsius'], '.1f')}"
        yield f"  mean [W]: {_pairs(watched['mean_watts'], '.2f')}"
        for name in ("cpu_mhz", "gpu_mhz"):
            if watched[name]:
                yield f"  {name[:3].upper()} clocks [MHz]: {watched[name]['lowest']} to {watched[name]['highest']}"


def _anchors(part: Mapping[str, Any]) -> Iterable[str]:
    turns = part["rows"][0]["encode"]["seconds"]["n"]
    head = ("bytes", "bpp", "encode ms", "decode ms", "encode /", "decode /")
    yield f"{f'in turns, {turns} times':<40}" + "".join(f"{name:>12}" for name in head)
    for row in part["rows"]:
        asked = sorted(row["qualities"])
        quality = f"quality={asked[0]}" + (f"…{asked[-1]}" if asked[0] < asked[-1] else "") if asked else ""
        name = " ".join(filter(None, (row["name"], row["settings"], quality)))
        size = ("", "") if row["bytes"] is None else (f"{row['bytes']:,}", f"{row['bpp']:.3f}")
        times = (_milliseconds(row[kind]["seconds"]["p50"]) for kind in ("encode", "decode"))
        ratios = (f"{row[kind]['ratio']:.2f}" for kind in ("encode", "decode"))
        yield f"{name:<40}" + "".join(f"{cell:>12}" for cell in (*size, *times, *ratios))
    yield "encode / and decode /: how many times as long as this the model takes"
    for name, reason in part["missing"].items():
        yield f"  no {name}: {reason}"


def _roofline(part: Mapping[str, Any]) -> Iterable[str]:
    rates = f"{1e-9 * part['flop_rate']:.0f} GFLOP/s (sgemm), {1e-9 * part['byte_rate']:.1f} GB/s (copy)"
    yield f"limits: {rates}, {part['threads']} threads"
    yield f"{'stage':<26}{'GFLOP':>10}{'MB':>10}{'ms':>10}{'limit ms':>10}{'x limit':>10}"
    for name, stage in part["stages"].items():
        if stage["limit"] is None:
            yield f"{name:<26}{'n/a':>10}{'n/a':>10}{_milliseconds(stage['seconds']):>10}{'n/a':>10}{'n/a':>10}"
            continue
        numbers = f"{1e-9 * stage['flop']:>10.3f}{1e-6 * stage['bytes']:>10.2f}{1e3 * stage['seconds']:>10.2f}"
        yield f"{name:<26}{numbers}{1e3 * stage['limit']:>10.2f}{stage['times_limit']:>10.2f}"
    if any(stage["limit"] is None for stage in part["stages"].values()):
        yield "n/a: the bundle does not say how many operations these take; export the model again"


def _comparison(part: Mapping[str, Any]) -> Iterable[str]:
    yield f"{'compared with ' + part['with']:<60}{'this':>14}{'other':>14}{'ratio':>8}"
    for each in part["ratios"]:
        yield f"{each['name']:<60}{each['this']:>14.5g}{each['other']:>14.5g}{each['ratio']:>8.3f}"


def _pairs(values: Mapping[str, Any], form: str = "") -> str:
    return ", ".join(f"{key} {value:{form}}" for key, value in values.items())


def _milliseconds(seconds: float | None) -> str:
    return "n/a" if seconds is None else f"{1e3 * seconds:.2f}"


def _mebibytes(count: int | None) -> str:
    return "n/a" if count is None else f"{count / 2**20:.0f} MiB"


def _load(state: Mapping[str, Any]) -> str:
    return (state["load"] or "unknown").partition(" ")[0]
