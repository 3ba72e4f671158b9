"""`lic-eval bd`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def write_curve(path: Path, factor: float = 1.0, points: int = 5) -> Path:
    rates = [factor * 0.1 * 2**index for index in range(points)]
    quality = [28.0 + 3 * index for index in range(points)]
    path.write_text(json.dumps({"name": path.stem, "description": "", "results": {"bpp": rates, "psnr-rgb": quality}}))
    return path


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_published_mbt2018_against_published_vtm(shared_data, lic_eval) -> None:
    folder = shared_data / "reference" / "compressai" / "results" / "image" / "kodak"
    ours = lic_eval("bd", folder / "compressai-mbt2018_mse_cuda.json", folder / "vtm.json")
    assert ours.exit_code == 0
    assert "11.02 %   11.01 %" in ours.stdout
    by_name = lic_eval("bd", "mbt2018-mse", "vtm", "--json")
    (found,) = json.loads(by_name.stdout)
    assert found["rate"] == pytest.approx({"pchip": 11.02, "akima": 11.01}, abs=0.005)
    assert (found["test"], found["anchor"], found["metric"]) == ("mbt2018-mse", "vtm", "psnr-rgb")


def test_a_known_answer_from_files(lic_eval) -> None:
    outcome = lic_eval("bd", write_curve(Path("mine.json"), 0.8), write_curve(Path("theirs.json")), "--json")
    (found,) = json.loads(outcome.stdout)
    assert found["rate"] == pytest.approx({"pchip": -20, "akima": -20}, abs=0.02)
    assert found["quality_overlap"] == 1


def test_ms_ssim_is_compared_in_decibels(lic_eval) -> None:
    outcome = lic_eval("bd", "mbt2018-ms-ssim", "vtm", "mbt2018-mse", "--metric", "ms-ssim-rgb", "--json")
    against_vtm, against_mse = json.loads(outcome.stdout)
    assert -60 < against_vtm["rate"]["pchip"] < -40
    assert -60 < against_mse["rate"]["pchip"] < -40


def test_of_several_pairs_those_that_can_be_compared_are(lic_eval) -> None:
    few = write_curve(Path("few.json"), points=3)
    outcome = lic_eval("bd", write_curve(Path("mine.json")), few, "vtm", "none")
    assert outcome.exit_code == 1
    assert "few has 3 different points" in outcome.stderr
    assert "none: no such file" in outcome.stderr or "kodak/none" in outcome.stderr
    assert [line.split()[0] for line in outcome.stdout.splitlines()] == ["mine", "against", "vtm"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["mbt2018-mse", "few.json"], 6, "few has 3 different points"),
        (["none.json", "vtm"], 6, "cannot read none.json"),
        (["mbt2018-mse", "text.json"], 6, "text.json is no file of results"),
        (["mbt2018-mse", "vtm", "--metric", "psnr-yuv"], 6, "has no psnr-yuv, only psnr-rgb, ms-ssim-rgb"),
        (["mbt2018-mse", "clic2020-mobile/vtm"], 6, "different pictures"),
        (["mbt2018-mse"], 2, "Missing argument 'ANCHOR...'"),
    ],
)
def test_what_cannot_be_compared(arguments, code, message, lic_eval) -> None:
    write_curve(Path("few.json"), points=3)
    Path("text.json").write_text("text")
    outcome = lic_eval("bd", *arguments)
    assert outcome.exit_code == code
    assert message in outcome.stderr
    assert outcome.stdout == ""


def test_results_of_other_pictures_are_refused(lic_eval, pictures) -> None:
    for name, source in (("a", pictures), ("b", pictures / "0.png")):
        assert lic_eval("anchors", source, "-o", name, "-c", "jpeg").exit_code == 0
    outcome = lic_eval("bd", "a/jpeg.json", "b/jpeg.json")
    assert outcome.exit_code == 6
    assert "different pictures" in outcome.stderr
    same = lic_eval("bd", "a/jpeg.json", "a/jpeg.json", "--json")
    assert json.loads(same.stdout)[0]["rate"]["pchip"] == pytest.approx(0, abs=1e-9)


def test_the_list_of_published_curves(lic_eval) -> None:
    lines = lic_eval("bd", "--list").stdout.splitlines()
    assert len(lines) == 88
    assert any(line.startswith("vtm ") and "8 points, Kodak" in line for line in lines)
    assert any(line.startswith("clic2020-mobile/vtm ") for line in lines)
