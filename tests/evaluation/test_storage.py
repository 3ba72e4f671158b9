"""Files of results: read back as they were, read by CompressAI, refused where they are something else."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from licrt.evaluation.results import Dataset, Environment, Failure, ImageResult, Point, Results
from licrt.evaluation.storage import ResultsError, read_curve, read_results, write_results
from licrt.runtime.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from oracle_protocol import Oracle

TIMES = {"total": 0.25, "analysis": 0.125}
RESULTS = Results(
    "licrt2026-mse",
    "Files of licrt",
    {"name": "licrt", "threads": 2},
    "lic-eval rd set -o out",
    Dataset("set", 3, "ab" * 32),
    Environment.here(),
    (
        Point(
            {"model": "licrt2026-mse", "quality": None},
            (
                ImageResult("a.png", 200, 300, 1234, 31.25, 33.5, 0.96875, TIMES, TIMES, "streams/a.png.lci"),
                ImageResult("sub/b\udcff.png", 1, 1, 99, math.inf, math.inf, None, TIMES, TIMES),
            ),
            (Failure("c.png", "c.png: damaged"),),
        ),
        Point(
            {"model": "licrt2026-mse", "quality": 50}, (ImageResult("a.png", 8, 8, 64, 50.0, 51.0, 1.0, TIMES, TIMES),)
        ),
    ),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_results(tmp_path / "results.json", RESULTS)
    return tmp_path / "results.json"


def test_results_come_back_as_they_were(path: Path) -> None:
    assert read_results(path) == RESULTS


def test_the_file_is_strict_json_that_holds_what_follows_from_the_rest(path: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)  # NaN and Infinity are no JSON

    data = json.loads(path.read_text("ascii"), parse_constant=refuse)
    first, second = data["licrt"]["points"][0]["images"]
    assert first["bpp"] == 8 * 1234 / 60000
    assert first["ms_ssim_db"] == pytest.approx(-10 * math.log10(1 - 0.96875))
    assert (second["psnr_rgb"], second["ms_ssim"], second["ms_ssim_db"]) == (None, None, None)
    assert data["licrt"]["points"][0]["means"]["left_out"] == {"psnr_rgb": 1, "psnr_yuv": 1, "ms_ssim": 1}


@pytest.mark.parametrize("metric", ["psnr", "ms-ssim"])
def test_compressais_plot_tool_reads_them(path: Path, oracle: Oracle, tmp_path: Path, metric: str) -> None:
    last = replace(RESULTS.points[1].images[0], ms_ssim=0.99)  # at 1 their dB are infinite
    write_results(path, replace(RESULTS, points=(RESULTS.points[0], replace(RESULTS.points[1], images=(last,)))))
    read = oracle("plot_results", path=str(path), metric=metric, picture=str(tmp_path / "plot.png"))
    points = [point.means for point in read_results(path).points]
    assert read["name"] == "licrt2026-mse"
    assert read["xs"] == [point.bpp for point in points]
    expected = [point.psnr_rgb if metric == "psnr" else point.ms_ssim_db for point in points]
    assert read["ys"] == pytest.approx(expected)
    with Image.open(tmp_path / "plot.png") as plot:
        assert plot.width > 1000


def test_published_curves_are_read(shared_data: Path) -> None:
    folder = shared_data / "reference" / "compressai" / "results" / "image" / "kodak"
    curve = read_curve(folder / "compressai-mbt2018_mse_cuda.json")
    assert (curve.name, curve.description) == ("mbt2018", "Inference (ans)")
    assert len(curve.results["bpp"]) == 8
    assert curve.results["psnr-rgb"][0] == 28.08847023321361
    files = sorted(folder.glob("*.json"))
    assert len(files) > 20
    for file in files:
        assert len(read_curve(file).results["bpp"]) >= 1


def test_curves_of_our_results_are_read(path: Path) -> None:
    assert read_curve(path) == RESULTS.curve()


def broken(change: Callable[[dict[str, Any]], object]) -> bytes:
    data = {"name": "x", "description": "", "results": {"bpp": [1.0], "psnr-rgb": [30.0]}, "licrt": {}}
    change(data)
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Expecting value"),
        (b"\xff\xfe{", "no file of results"),
        (b"[" * 100_000, "no file of results"),
        (b"[1]", "expected a JSON object"),
        (broken(lambda d: d.pop("results")), "'results' is missing"),
        (broken(lambda d: d.update(results=[1])), "no file of results"),
        (broken(lambda d: d.update(results={})), "one of them bpp"),
        (broken(lambda d: d["results"].update(bpp=[])), "equal length"),
        (broken(lambda d: d["results"].update(bpp=[1, 2])), "equal length"),
        (broken(lambda d: d["results"].update(bpp=["a"])), "could not convert"),
        (broken(lambda d: d["results"].update(bpp=None)), "no file of results"),
    ],
)
def test_files_without_curves_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=message) as caught:
        read_curve(path)
    assert str(caught.value).startswith(f"{path} is no file of results")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 6


def test_every_field_of_results_is_missed(path: Path) -> None:
    """Whatever is taken out of a file, or replaced by null, reading it raises nothing but ResultsError."""
    whole = json.loads(path.read_text())

    def places(value: Any, *keys: Any) -> list[tuple[Any, ...]]:
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [keys, *(place for key, each in inner for place in places(each, *keys, key))]

    refused = 0
    for *outer, last in filter(None, places(whole["licrt"])):
        for change in ("remove", "null", "text"):
            data = json.loads(json.dumps(whole))
            parent = data["licrt"]
            for key in outer:
                parent = parent[key]
            if change == "remove":
                del parent[last]
            else:
                parent[last] = None if change == "null" else "text"
            path.write_text(json.dumps(data))
            try:
                read_results(path)
            except ResultsError:
                refused += 1
    assert refused > 50


def test_curves_alone_are_no_results(tmp_path: Path) -> None:
    path = tmp_path / "published.json"
    path.write_bytes(broken(lambda data: data.pop("licrt")))
    with pytest.raises(ResultsError, match="and no licrt block"):
        read_results(path)


def test_newer_versions_are_refused(path: Path) -> None:
    path.write_text(path.read_text().replace('"version": 1,', '"version": 2,', 1))
    with pytest.raises(ResultsError, match="version 2, and this licrt knows 1"):
        read_results(path)


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"cannot read .*none.json: No such file"):
        read_curve(tmp_path / "none.json")
    with pytest.raises(PictureError, match="cannot write"):
        write_results(tmp_path / "nowhere" / "a.json", RESULTS)
