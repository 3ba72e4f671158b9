"""Ratios of two reports, and reports that cannot be compared."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from licrt.runtime.bench.compare import differences, ratios, read_report
from licrt.runtime.errors import PictureError

if TYPE_CHECKING:
    from pathlib import Path

SUMMARY = {"p50": 0.2, "p90": 0.25}


def report() -> dict[str, Any]:
    """The parts of a report that are compared."""
    entry = {"workers": 2, "batch": 8, "images_per_second": 5.0, "joules_per_image": {"rapl package-0": 2.0}}
    latency = {"warm": {"analysis": SUMMARY, "total": SUMMARY}}
    start = {"seconds": {"p50": 0.4}, "peak_memory_bytes": 1000}
    return {
        "schema": "licrt-bench",
        "schema_version": 1,
        "environment": {
            "cpu": "EPYC",
            "cpus": 2,
            "threads": 2,
            "kernels": "avx2",
            "engine": "onnxruntime 1.32.0 CPUExecutionProvider",
            "model": "0123",
            "pictures": ["768x512"],
            "power_mode": None,
        },
        "load": 0.1,
        "encode": latency,
        "decode": latency,
        "throughput": {"encode": [entry], "decode": [entry]},
        "cold_start": {"encode": start, "decode": start},
    }


def test_every_number_is_divided_by_the_others() -> None:
    this, other = report(), report()
    this["load"] = 0.3
    this["decode"] = {"warm": {"analysis": SUMMARY, "total": {"p50": 0.1, "p90": 0.5}}}
    found = {each.name: each.ratio for each in ratios(this, other)}
    assert found.pop("load, s") == pytest.approx(3)
    assert found.pop("decode total p50, s") == pytest.approx(0.5)
    assert found.pop("decode p90, s") == pytest.approx(2)
    assert set(found.values()) == {1.0}
    assert found.keys() >= {
        "encode analysis p50, s",
        "encode by 2 workers, batches of 8, images/s",
        "decode by 2 workers, batches of 8, rapl package-0 J/image",
        "decode from cold, s",
        "decode from cold, peak bytes",
    }


def test_what_one_of_them_lacks_is_left_out() -> None:
    this, other = report(), report()
    other["throughput"] = this["cold_start"] = None
    other["encode"] = {"warm": {"analysis": {"p50": 0.0, "p90": 0.0}, "total": SUMMARY}}
    assert [each.name for each in ratios(this, other)] == [
        "load, s",
        "encode total p50, s",
        "encode p90, s",
        "decode analysis p50, s",
        "decode total p50, s",
        "decode p90, s",
    ]


@pytest.mark.parametrize("name", ["cpu", "cpus", "threads", "kernels", "engine", "model", "pictures", "power_mode"])
def test_any_difference_of_environments_is_said(name: str) -> None:
    this, other = report()["environment"], copy.deepcopy(report()["environment"])
    assert differences(this, other) == []
    other[name] = ["1x1", "2x2"] if name == "pictures" else "else"
    (line,) = differences(this, other)
    assert line.startswith(f"{name} is ")
    assert line.endswith("1x1, 2x2 there" if name == "pictures" else "else there")


def write(path: Path, change: Any) -> str:
    changed = change(report())
    path.write_text(changed if isinstance(changed, str) else json.dumps(changed))
    return str(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: "",
        lambda _: "[" * 100_000,
        lambda _: "[1, 2]",
        lambda _: '{"schema": "coco"}',
        lambda report: report | {"schema_version": 2},
        lambda report: report | {"load": "quick"},
        lambda report: report | {"throughput": {"encode": 3}},
        lambda report: report | {"encode": None},
        lambda report: report | {"environment": {"cpu": "EPYC"}},
        lambda report: {key: value for key, value in report.items() if key != "decode"},
    ],
)
def test_other_files_are_refused(tmp_path: Path, change: Any) -> None:
    path = write(tmp_path / "other.json", change)
    with pytest.raises(PictureError, match=r"cannot compare with .*other\.json: it is not a report of this version"):
        read_report(path)


def test_a_report_is_read(tmp_path: Path) -> None:
    assert read_report(write(tmp_path / "other.json", lambda report: report)) == report()
