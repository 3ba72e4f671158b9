"""`lic-run bench`: the report, its table, comparing, and what goes wrong."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from references.bundles import SINGLE_RATE
from references.synthetic import write_bundle

from licrt.runtime import Codec
from licrt.runtime.meters import board as boards
from licrt.runtime.models import find
from licrt.runtime.picture import read_picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from conftest import Outcome

    LicRun = Callable[..., Outcome]

QUICK = ("--repeat", "3", "--warmup", "1", "-j", "1", "--anchors", "none")


def test_json(photo: Path, codec: Codec, lic_run: LicRun) -> None:
    outcome = lic_run("bench", photo, *QUICK, "--json", "--cold", "1", "--workers", "1", "--batch", "2")
    assert outcome.code == 0
    report = json.loads(outcome.stdout)
    assert (report["schema"], report["schema_version"]) == ("licrt-bench", 1)
    assert report["images"][0]["bytes"] == len(codec.encode(_rgb(photo)))
    assert report["images"][0]["bpp"] == 8 * report["images"][0]["bytes"] / (75 * 50)
    assert report["engine"]["threads"] == 1
    assert report["model"]["id"] == report["environment"]["model"] == codec.info.id
    assert report["environment"]["pictures"] == ["75x50"]
    assert report["peak_memory_bytes"] > 1e6
    for kind, stages in (("encode", {"analysis", "entropy-encode"}), ("decode", {"synthesis", "entropy-decode"})):
        part = report[kind]
        assert stages | {"total"} <= part["cold"].keys()
        assert part["cold"].keys() == part["warm"].keys()
        assert list(part["warm"])[-1] == "total"
        assert part["warm"]["total"]["n"] == 3
        assert part["warm"]["total"]["p99"] is None
        spent = sum(part["cold"][stage] for stage in part["cold"] if stage != "total")
        assert 0 < spent <= part["cold"]["total"]
        mean = part["warm"]["total"]["mean"]
        assert part["megapixels_per_second"] == pytest.approx(75 * 50 * 1e-6 / mean)
        (entry,) = report["throughput"][kind]
        assert (entry["workers"], entry["threads"], entry["batch"], entry["batch_seconds"]["n"]) == (1, 1, 2, 3)
        assert entry["images_per_second"] == pytest.approx(2 / entry["batch_seconds"]["p50"])
        assert entry["megapixels_per_second"] == pytest.approx(entry["images_per_second"] * 75 * 50 * 1e-6)
        start = report["cold_start"][kind]
        assert start["seconds"]["n"] == 1
        assert start["seconds"]["min"] > part["warm"]["total"]["min"]
        assert start["peak_memory_bytes"] > 10 << 20
    assert {*report["energy"]["meters"], *report["energy"]["missing"]} == {"tegrastats", "nvml", "rapl"}
    assert report["roofline"] is report["anchors"] is report["comparison"] is None
    assert report.keys() - {"schema", "schema_version"} == documented_keys()


def documented_keys() -> set[str]:
    """What stands in the first column of the table of keys."""
    page = (Path(__file__).parents[3] / "docs" / "benchmarking.md").read_text(encoding="utf-8")
    rows = page.partition("| key | value |")[2].splitlines()[2:]
    first = itertools.takewhile(lambda row: row.startswith("| `"), rows)
    return {key for row in first for key in re.findall(r"`(\w+)`", row.split("|")[1])}


def _rgb(path: Path) -> Any:
    return read_picture(path.read_bytes()).rgb


def test_table(photo: Path, lic_run: LicRun) -> None:
    text = lic_run(
        "bench", photo, photo, "--repeat", "2", "--warmup", "0", "--cold", "1", "-j", "2", "--anchors", "none"
    ).stdout.decode()
    assert text.count("photo.png: 75 x 50") == 2
    assert "MP/s over 4 calls" in text
    assert "n/a" in text
    assert "peak memory" in text
    rows = [line.split() for line in text.splitlines()]
    assert [row[:4] for row in rows if row[:1] == ["encode"] and row[-1] != "MiB" and len(row) == 6] == [
        ["encode", "1", "2", "4"],
        ["encode", "2", "1", "4"],
    ]
    assert any(row[:3] == ["new", "process", "[ms]"] for row in rows)
    assert any(row[:1] == ["energy:"] for row in rows)
    assert any(row[:1] == ["throttled:"] for row in rows)


def test_what_is_not_asked_for_is_left_out(photo: Path, lic_run: LicRun) -> None:
    report = json.loads(lic_run("bench", photo, *QUICK, "--json", "--cold", "0", "--workers", "0").stdout)
    assert report["throughput"] is report["cold_start"] is None


def test_roofline_of_the_embedded_model(photo: Path, lic_run: LicRun) -> None:
    quick = (*QUICK, "--cold", "0", "--workers", "0", "--repeat", "2", "--roofline")
    roofline = json.loads(lic_run("bench", photo, *quick, "--json").stdout)["roofline"]
    assert roofline["stages"].keys() == {
        "encode analysis",
        "encode hyper-analysis",
        "encode entropy-encode",
        "decode entropy-decode",
        "decode synthesis",
    }
    for stage in roofline["stages"].values():
        assert stage["flop"] > 0
        assert stage["limit"] > 0
        assert stage["times_limit"] > 0
    table = lic_run("bench", photo, *quick).stdout.decode()
    assert "GFLOP/s (sgemm)" in table
    assert any(line.startswith("decode synthesis") for line in table.splitlines())


def test_roofline_of_a_bundle_that_does_not_count(photo: Path, lic_run: LicRun, tmp_path: Path) -> None:
    bundle = tmp_path / "older"
    shutil.copytree(find("default"), bundle)
    manifest = json.loads((bundle / "manifest.json").read_text())
    for graph in manifest["graphs"].values():
        del graph["multiplications"]
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    quick = (*QUICK, "--cold", "0", "--workers", "0", "--repeat", "1", "--roofline", "-m", bundle)
    text = lic_run("bench", photo, *quick).stdout.decode()
    assert "export the model again" in text
    (row,) = (line.split() for line in text.splitlines() if line.startswith("decode synthesis"))
    assert row[2:4] == ["n/a", "n/a"]


ALONE = ("--cold", "0", "--workers", "0", "--warmup", "0", "--repeat", "2", "-j", "1")


def test_anchors_take_turns_with_the_model(photo: Path, lic_run: LicRun, tmp_path: Path) -> None:
    outcome = lic_run("bench", photo, *ALONE, "--json")
    (tmp_path / "report.json").write_bytes(outcome.stdout)
    report = json.loads(outcome.stdout)
    part, size = report["anchors"], report["images"][0]["bytes"]
    rows = {row["name"]: row for row in part["rows"]}
    there = [name for name in ("avif", "webp", "jpeg") if name not in part["missing"]]
    assert list(rows) == [report["model"]["name"], *there, "sgemm"]
    for row in part["rows"]:
        for kind in ("encode", "decode"):
            assert row[kind]["seconds"]["n"] == 2
            assert row[kind]["ratio"] > 0
    model, product = part["rows"][0], part["rows"][-1]
    assert model["encode"]["ratio"] == model["decode"]["ratio"] == 1
    assert model["bytes"] == size
    assert product["bytes"] is product["bpp"] is None
    if "webp" in rows:
        assert 0.5 * size < rows["webp"]["bytes"] < 2 * size
        assert rows["webp"]["settings"] == "method=6"
    table = lic_run("bench", photo, *ALONE, "--compare", "report.json").stdout.decode()
    assert re.search(r"^jpeg optimize=True quality=\d+ +[\d,]+ ", table, re.MULTILINE)
    assert re.search(r"^encode / jpeg ", table, re.MULTILINE)


def test_anchors_that_are_chosen_and_a_quality(
    photo: Path, lic_run: LicRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle(tmp_path / "variable", rate_points=3)
    Image.init()
    monkeypatch.delitem(Image.SAVE, "JPEG")  # a Pillow that was built without it
    options = (*ALONE, "-m", tmp_path / "variable", "-q", "0", "--anchors", "jpeg,webp", "--workers", "1")
    report = json.loads(lic_run("bench", photo, *options, "--json").stdout)
    assert [row["name"] for row in report["anchors"]["rows"]] == ["variable", "webp"]  # no operations counted
    assert report["anchors"]["missing"] == {"jpeg": "this Pillow has no JPEG; install a newer one from PyPI"}
    codec = Codec.load(tmp_path / "variable", threads=1)
    assert report["images"][0]["bytes"] == len(codec.encode(_rgb(photo), quality=0))
    assert report["environment"]["model"] == f"{codec.info.id} at quality 0"
    assert "no jpeg: this Pillow has no JPEG" in lic_run("bench", photo, *options).stdout.decode()


def test_pictures_over_the_limits_of_a_codec(photo: Path, lic_run: LicRun) -> None:
    Image.new("RGB", (16400, 4), "white").save("wide.png")
    part = json.loads(lic_run("bench", "wide.png", *ALONE, "--anchors", "webp", "--json").stdout)["anchors"]
    assert "16383" in part["missing"]["webp"]
    assert [row["name"] for row in part["rows"]] == ["licrt2026-mse", "sgemm"]


def test_compare(photo: Path, lic_run: LicRun, tmp_path: Path) -> None:
    quick = (*QUICK, "--cold", "0", "--workers", "1", "--batch", "1")
    other = tmp_path / "other.json"
    other.write_bytes(lic_run("bench", photo, *quick, "--json").stdout)
    comparison = json.loads(lic_run("bench", photo, *quick, "--json", "--compare", other).stdout)["comparison"]
    assert comparison["with"] == str(other)
    ratios = {each["name"]: each for each in comparison["ratios"]}
    total = ratios["decode total p50, s"]
    assert total["ratio"] == pytest.approx(total["this"] / total["other"])
    assert total["other"] == json.loads(other.read_bytes())["decode"]["warm"]["total"]["p50"]
    assert "compared with" in lic_run("bench", photo, *quick, "--compare", other).stdout.decode()


def test_other_environments_are_refused_unless_anyway(photo: Path, lic_run: LicRun, tmp_path: Path) -> None:
    quick = ("--repeat", "1", "--warmup", "0", "--cold", "0", "--workers", "0", "--anchors", "none")
    other = tmp_path / "other.json"
    other.write_bytes(lic_run("bench", photo, *quick, "-j", "2", "--json").stdout)
    outcome = lic_run("bench", photo, *quick, "-j", "1", "--compare", other)
    assert outcome.code == 2
    assert "is from another environment: threads is 1 here, 2 there. Pass --anyway." in outcome.stderr
    assert outcome.stdout == b""
    outcome = lic_run("bench", photo, *quick, "-j", "1", "--compare", other, "--anyway")
    assert outcome.code == 0
    assert "decode total p50, s" in outcome.stdout.decode()


def test_a_jetson_says_what_it_is(
    photo: Path, lic_run: LicRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of a board and a program in the place of tegrastats; everything else is this machine."""
    lines = tmp_path / "lines"
    lines.write_text("RAM 1/2MB CPU [9%@729] GR3D_FREQ 0% tj@49.218C VDD_IN 4761mW/4777mW VDD_SOC 1428mW/1428mW\n")
    program = tmp_path / "tegrastats"
    program.write_text(f"#!/bin/sh\nwhile :; do cat {lines}; sleep 0.05; done\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    etc = tmp_path / "root" / "etc"
    etc.mkdir(parents=True)
    (etc / "nv_tegra_release").write_text("# R36 (release), REVISION: 4.4, GCID: 41062509, BOARD: generic\n")
    monkeypatch.setattr(boards.board, "__defaults__", (tmp_path / "root",))
    outcome = lic_run("bench", photo, *QUICK, "--cold", "0", "--workers", "1", "--json")
    report = json.loads(outcome.stdout)
    assert report["jetson"]["board"]["l4t_version"] == "36.4.4"
    assert report["jetson"]["tegrastats"]["highest_celsius"] == {"tj": 49.218}
    assert "tegrastats" in report["energy"]["meters"]
    joules = report["throughput"]["decode"][0]["joules_per_image"]
    assert joules["tegrastats VDD_IN"] > joules["tegrastats VDD_SOC"] > 0
    text = lic_run("bench", photo, *QUICK, "--cold", "0", "--workers", "1").stdout.decode()
    assert "L4T 36.4.4, JetPack 6" in text
    assert "highest [°C]: tj 49.2" in text
    assert "tegrastats VDD_IN: " in text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing.png"], 6, "cannot read missing.png"),
        (["photo.png", "--compare", "missing.json"], 6, "cannot read missing.json"),
        (["photo.png", "--compare", "photo.png"], 6, "cannot compare with photo.png"),
        (["photo.png", "--max-pixels", "3749"], 6, "photo.png: "),
        (["photo.png", "-m", "nothing"], 4, "model nothing not found"),
        (["photo.png", "--device", "cuda"], 5, "device cuda cannot be used"),
        (["photo.png", "--workers", "-1"], 2, "--workers"),
        (["photo.png", "--batch", "0"], 2, "--batch"),
        (["photo.png", "--anchors", "heic"], 2, "expected some of avif, webp, jpeg"),
        (["photo.png", "--anchors", ""], 2, "--anchors"),
        (["photo.png", "-q", "50", "-m", str(SINGLE_RATE)], 4, "has a single rate"),
    ],
)
def test_errors(photo: Path, lic_run: LicRun, arguments: list[str], code: int, message: str) -> None:
    outcome = lic_run("bench", *arguments)
    assert outcome.code == code
    assert message in outcome.stderr
    assert outcome.stdout == b""


def test_standard_input(photo: Path, lic_run: LicRun) -> None:
    outcome = lic_run("bench", "-", *QUICK, "--cold", "1", "--workers", "0", stdin=photo.read_bytes())
    assert outcome.code == 0
    assert "-: 75 x 50" in outcome.stdout.decode()
