"""`lic-eval anchors`: results of the same form and the same metrics as those of models, and runs that go on."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from references.sets import LIC_EVAL, write_pictures

from licrt.evaluation.metrics import compare
from licrt.evaluation.storage import read_results


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def test_results_are_those_of_the_files(pictures: Path, lic_eval) -> None:
    outcome = lic_eval("anchors", "set", "-o", "out", "-c", "webp")
    assert outcome.exit_code == 0
    results = read_results("out/webp.json")
    assert [point.settings for point in results.points] == [{"quality": q} for q in (0, 10, 20, 35, 50, 65, 75, 85, 95)]
    assert results.codec["settings"] == "Pillow WEBP, method=6"
    assert "Pillow" in str(results.codec["version"])
    assert (results.dataset.name, results.dataset.images) == ("set", 3)
    for point in (results.points[0], results.points[-1]):
        for image in point.images:
            stream = Path("out") / str(image.stream)
            quality = compare(pixels(pictures / image.file), pixels(stream))
            assert image.bytes == stream.stat().st_size
            assert image.psnr_rgb == pytest.approx(quality.psnr_rgb, abs=1e-9)
            assert image.psnr_yuv == pytest.approx(quality.psnr_yuv, abs=1e-9)
            assert image.ms_ssim == (quality.ms_ssim and pytest.approx(quality.ms_ssim, abs=1e-9))
    compressai = json.loads(Path("out/webp.json").read_text())["results"]
    assert compressai["bpp"] == sorted(compressai["bpp"])
    assert len(compressai["psnr-rgb"]) == len(compressai["encoding_time"]) == 9


def test_the_set_has_the_hash_that_models_have(pictures: Path, lic_eval) -> None:
    assert lic_eval("rd", "set", "-o", "out").exit_code == 0
    assert lic_eval("anchors", "set", "-o", "out", "-c", "jpeg").exit_code == 0
    assert read_results("out/licrt2026-mse.json").dataset == read_results("out/jpeg.json").dataset


def test_what_was_measured_is_not_measured_again(pictures: Path, lic_eval) -> None:
    arguments = ("anchors", "set", "-o", "out", "-c", "jpeg", "-q", "30", "-q", "60")
    assert lic_eval(*arguments).exit_code == 0
    manifest = Path("out/jpeg/manifest.jsonl")
    before = manifest.read_text()
    again = lic_eval(*arguments)
    assert "6 of 6 measured before" in again.stderr
    assert manifest.read_text() == before
    Path("out/jpeg/streams/30/0.png.jpg").unlink()  # a file that is gone, and a picture that changed
    Image.fromarray(pixels(pictures / "1.png")[::-1]).save(pictures / "1.png")
    third = lic_eval(*arguments)
    assert "3 of 6 measured before" in third.stderr
    assert len(manifest.read_text().splitlines()) == len(before.splitlines()) + 3
    assert Path("out/jpeg/streams/30/0.png.jpg").exists()


@pytest.mark.parametrize(("name", "code", "jobs"), [("SIGKILL", -9, "1"), ("SIGINT", 130, "1"), ("SIGINT", 130, "2")])
def test_a_run_that_was_stopped_goes_on(name: str, code: int, jobs: str, tmp_path: Path, lic_eval, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "set", 6, 200, 200)
    arguments = ["anchors", "set", "-o", "out", "-c", "webp", "-j", jobs]
    process = subprocess.Popen([*LIC_EVAL, *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    manifest = tmp_path / "out" / "webp" / "manifest.jsonl"
    while process.poll() is None and (not manifest.exists() or manifest.read_bytes().count(b"\n") < 6):
        time.sleep(0.01)
    process.send_signal(getattr(signal, name))
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (code, "")
    assert stderr.splitlines()[1:] == (["lic-eval: interrupted"] if name == "SIGINT" else [])
    known = manifest.read_bytes().count(b"\n") - 1
    assert 4 <= known < 54  # the line that was being written is taken back
    outcome = lic_eval(*arguments)
    assert outcome.exit_code == 0
    assert f"{known} of 54 measured before" in outcome.stderr
    assert all(len(point.images) == 6 for point in read_results("out/webp.json").points)
    assert list((tmp_path / "out").rglob("*.tmp")) == []


def test_several_at_a_time_give_the_same_files(pictures: Path, lic_eval) -> None:
    for jobs in ("1", "3"):
        assert lic_eval("anchors", "set", "-o", f"out{jobs}", "-c", "jpeg2000", "-j", jobs).exit_code == 0
    one, three = (read_results(f"out{jobs}/jpeg2000.json") for jobs in (1, 3))
    assert one.curve().results["bpp"] == three.curve().results["bpp"]
    assert one.curve().results["psnr-rgb"] == three.curve().results["psnr-rgb"]


def test_other_conditions_are_refused(pictures: Path, lic_eval) -> None:
    arguments = ("anchors", "set", "-o", "out", "-c", "jpeg", "-q", "50")
    assert lic_eval(*arguments).exit_code == 0
    outcome = lic_eval(*arguments, "-j", "2")
    assert outcome.exit_code == 6
    assert "jobs was 1, is 2" in outcome.stderr
    assert lic_eval(*arguments, "-j", "2", "-f").exit_code == 0


def test_pictures_that_fail_are_named_and_the_others_measured(pictures: Path, lic_eval) -> None:
    (pictures / "damaged.png").write_bytes((pictures / "0.png").read_bytes()[:60])
    outcome = lic_eval("anchors", "set", "-o", "out", "-c", "jpeg", "-q", "50")
    assert outcome.exit_code == 1
    assert "damaged.png, JPEG 50: " in outcome.stderr
    (point,) = read_results("out/jpeg.json").points
    assert [image.file for image in point.images] == ["0.png", "1.png", "large.png"]
    assert [failure.file for failure in point.failures] == ["damaged.png"]


def test_what_is_missing_is_said(pictures: Path, lic_eval, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = lic_eval("anchors", "--list").stdout.splitlines()
    assert lines[0].startswith("jpeg      Pillow ")
    assert "vtm       missing: EncoderAppStatic or EncoderApp is not on the PATH" in lines
    outcome = lic_eval("anchors", "set", "-o", "out", "-c", "x265")
    assert outcome.exit_code == 5
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["set", "-o", "out", "-c", "gif"], 2, "'gif' is none of jpeg"),
        (["set", "-o", "out", "-q", "50"], 2, "give it with one -c"),
        (["set", "-o", "out", "-c", "jpeg", "-q", "99"], 2, "quality of jpeg is 1 to 95"),
        (["set"], 2, "Missing option '-o'"),
        (["none", "-o", "out"], 6, "cannot read"),
        (["set", "-o", "file/out", "-c", "jpeg"], 6, "file/out"),
    ],
)
def test_what_cannot_be_done(pictures: Path, lic_eval, arguments, code, message) -> None:
    Path("file").write_text("no folder")
    outcome = lic_eval("anchors", *arguments)
    assert (outcome.exit_code, outcome.stdout) == (code, "")
    assert message in outcome.stderr
