"""Ratios of two reports of `lic-run bench`, which have to come from the same environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from licrt.runtime.bench.report import KINDS, SCHEMA, SCHEMA_VERSION
from licrt.runtime.errors import PictureError
from licrt.runtime.files import read_picture_file

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRONMENT = ("cpu", "cpus", "threads", "kernels", "engine", "model", "pictures", "power_mode")


class Ratio(NamedTuple):
    """A number of this report, the same one of the other, and the first divided by the second."""

    name: str
    this: float
    other: float
    ratio: float


def read_report(file: str) -> dict[str, Any]:
    """Read a report that `lic-run bench --json` wrote.

    Raises:
        PictureError: the file cannot be read, or is no such report of this version.
    """
    data = read_picture_file(file)
    try:
        report = json.loads(data)
        _expect_schema(report["schema"], report["schema_version"])
        numbers(report)
        differences(report["environment"], report["environment"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PictureError(
            f"cannot compare with {file}: it is not a report of this version ({type(error).__name__}: {error}). "
            "Expected what lic-run bench --json prints"
        ) from error
    return dict(report)


def differences(this: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Say what differs between two environments.

    >>> same = dict.fromkeys(ENVIRONMENT)
    >>> differences({**same, "cpu": "EPYC", "cpus": 2}, {**same, "cpu": "Orin", "cpus": 2})
    ['cpu is EPYC here, Orin there']
    """
    return [
        f"{name} is {_shown(this[name])} here, {_shown(other[name])} there"
        for name in ENVIRONMENT
        if this[name] != other[name]
    ]


def ratios(this: Mapping[str, Any], other: Mapping[str, Any]) -> list[Ratio]:
    """Return the ratio of every number that both reports have, and that is not 0 in the other one."""
    here, there = numbers(this), numbers(other)
    return [Ratio(name, here[name], there[name], here[name] / there[name]) for name in here if there.get(name)]


def numbers(report: Mapping[str, Any]) -> dict[str, float]:
    """Return a report's numbers by a name that says what they are, as they are compared.

    Raises:
        KeyError, TypeError, AttributeError, ValueError: it is no report.
    """
    found: dict[str, Any] = {"load, s": report["load"]}
    for kind in KINDS:
        for stage, summary in report[kind]["warm"].items():
            found[f"{kind} {stage} p50, s"] = summary["p50"]
        found[f"{kind} p90, s"] = report[kind]["warm"]["total"]["p90"]
        for entry in report["throughput"][kind] if report["throughput"] else ():
            name = f"{kind} by {int(entry['workers'])} workers, batches of {int(entry['batch'])}"
            found[f"{name}, images/s"] = entry["images_per_second"]
            for meter, joules in entry["joules_per_image"].items():
                found[f"{name}, {meter} J/image"] = joules
        if report["cold_start"]:
            found[f"{kind} from cold, s"] = report["cold_start"][kind]["seconds"]["p50"]
            found[f"{kind} from cold, peak bytes"] = report["cold_start"][kind]["peak_memory_bytes"]
        for row in report["anchors"]["rows"][1:] if report.get("anchors") else ():
            found[f"{kind} / {row['name']}"] = row[kind]["ratio"]
    return {name: float(value) for name, value in found.items() if value is not None}


def _expect_schema(name: object, version: object) -> None:
    if (name, version) != (SCHEMA, SCHEMA_VERSION):
        raise ValueError(f"schema {name} {version}, not {SCHEMA} {SCHEMA_VERSION}")


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
