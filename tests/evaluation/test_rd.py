"""`lic-eval rd`: numbers are those of the files it wrote, and nothing is measured twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from references.bundles import SINGLE_RATE
from references.synthetic import write_bundle
from references.tiny_photo import photo

from licrt.evaluation.metrics import compare
from licrt.evaluation.storage import read_results
from licrt.runtime import Codec, decode, read_info

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from click.testing import Result

    from licrt.evaluation.results import ImageResult


def values(image: ImageResult) -> Mapping[str, object]:
    """A result without its times."""
    return {name: value for name, value in vars(image).items() if name not in {"encode", "decode"}}


def measured(output: str) -> list[str]:
    """The file of every record of a manifest, in order."""
    lines = (Path(output) / "manifest.jsonl").read_text().splitlines()[1:]
    return [json.loads(line)["image"]["file"] for line in lines]


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def test_results_are_those_of_the_files(pictures: Path, lic_eval: Callable[..., Result]) -> None:
    outcome = lic_eval("rd", "set", "-o", "out")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    results = read_results("out/licrt2026-mse.json")
    (point,) = results.points
    assert [image.file for image in point.images] == ["0.png", "1.png", "large.png"]
    for image in point.images:
        data = (Path("out") / str(image.stream)).read_bytes()
        original, decoded = pixels(pictures / image.file), decode(data)
        quality = compare(original, decoded)
        assert (image.bytes, image.bpp) == (len(data), 8 * len(data) / original[..., 0].size)
        assert (image.height, image.width) == original.shape[:2]
        assert (image.psnr_rgb, image.psnr_yuv, image.ms_ssim) == tuple(vars(quality).values())
        assert image.encode["total"] >= image.encode["analysis"] > 0
        assert image.decode["total"] >= image.decode["synthesis"] > 0
        assert data == Codec.load("default").encode(original)
    assert [image.ms_ssim is None for image in point.images] == [True, True, False]
    assert "without 2 pictures where a side is below 161 pixels" in outcome.stdout
    assert results.codec["name"] == "licrt"
    assert results.dataset.name == "set"
    model = Codec.load("default").info
    assert point.settings == {"model": "licrt2026-mse", "model_id": model.id, "quality": None}


def test_the_set_is_named_by_what_sha256sum_says(pictures: Path, lic_eval: Callable[..., Result]) -> None:
    lic_eval("rd", "set", "-o", "out")
    command = "cd set && sha256sum *.png | sha256sum"
    expected = subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout.split()[0]
    assert read_results("out/licrt2026-mse.json").dataset.sha256 == expected


def test_processes_change_nothing(pictures: Path, lic_eval: Callable, lic_eval_alone: Callable) -> None:
    assert lic_eval("rd", "set", "-o", "one", "--threads", "1").exit_code == 0
    done = lic_eval_alone("rd", "set", "-o", "two", "-j", "2", "--threads", "1")
    assert (done.returncode, done.stderr) == (0, "")
    one, two = (read_results(f"{output}/licrt2026-mse.json") for output in ("one", "two"))
    assert [values(image) for image in one.points[0].images] == [values(image) for image in two.points[0].images]
    assert one.dataset == two.dataset
    assert sorted(measured("two")) == measured("one")


@pytest.fixture
def variable(tmp_path: Path) -> str:
    """The directory of a model of variable rate."""
    return str(write_bundle(tmp_path / "variable", ["wavefront"], rate_points=3))


def test_qualities_are_points_in_order_of_their_rate(
    pictures: Path, variable: str, lic_eval: Callable[..., Result]
) -> None:
    outcome = lic_eval("rd", "set", "-o", "out", "-m", variable, "-q", "100", "-q", "0", "-q", "50")
    assert outcome.exit_code == 0, outcome.stderr
    results = read_results(next(path for path in Path("out").glob("*.json")))
    rates = [point.means.bpp for point in results.points]
    assert rates == sorted(rates)
    assert {point.settings["quality"] for point in results.points} == {0, 50, 100}
    rate_points = {}
    for point in results.points:
        data = (Path("out") / str(point.images[0].stream)).read_bytes()
        rate_points[point.settings["quality"]] = read_info(data).rate_point
    assert rate_points == {0: 0, 50: 1, 100: 2}


def test_a_curve_of_several_models(pictures: Path, variable: str, lic_eval: Callable[..., Result]) -> None:
    assert lic_eval("rd", "set", "-o", "out", "-m", "default", "-m", variable).exit_code == 0
    assert len(list(Path("out").glob("*.json"))) == 2
    assert lic_eval("rd", "set", "-o", "out", "-m", "default", "-m", variable, "--curve", "both").exit_code == 0
    assert len(read_results("out/both.json").points) == 2
    assert len(measured("out")) == 6  # once


def test_what_was_measured_is_not_measured_again(pictures: Path, lic_eval: Callable[..., Result]) -> None:
    lic_eval("rd", "set/0.png", "-o", "elsewhere")
    assert lic_eval("rd", "set", "-o", "out").exit_code == 0
    first = Path("out/manifest.jsonl").read_bytes()
    before = read_results("out/licrt2026-mse.json")
    Image.fromarray(photo(20, 20, 5)).save("set/new.png")
    outcome = lic_eval("rd", "set", "-o", "out")
    assert outcome.stderr == "3 of 4 were measured before\n"
    assert Path("out/manifest.jsonl").read_bytes().startswith(first)
    assert measured("out")[3:] == ["new.png"]
    assert read_results("out/licrt2026-mse.json").points[0].images[:3] == before.points[0].images  # times too


def test_changes_are_noticed(pictures: Path, lic_eval: Callable[..., Result]) -> None:
    lic_eval("rd", "set", "-o", "out")
    Image.fromarray(photo(48, 64, 7)).save("set/0.png")  # as large as before, perhaps
    os.utime("set/1.png", ns=(1, 1))  # another time alone is no change
    stream = next(Path("out").rglob("large.png.lci"))
    stream.write_bytes(stream.read_bytes() + b"x")
    outcome = lic_eval("rd", "set", "-o", "out")
    assert outcome.stderr.splitlines() == [
        "1 results of pictures that have changed: measured again",
        "1 results whose encoded files are gone or changed: measured again",
        "1 of 3 were measured before",
    ]
    assert measured("out")[3:] == ["0.png", "large.png"]
    assert decode(stream.read_bytes()).shape == (163, 170, 3)


def test_another_model_of_that_name_is_noticed(pictures: Path, tmp_path: Path, lic_eval: Callable) -> None:
    first = write_bundle(tmp_path / "mine", ["wavefront"], rate_points=3)
    lic_eval("rd", "set", "-o", "out", "-m", first)
    name = Codec.load(first).info.name
    shutil.rmtree(first)
    assert Codec.load(write_bundle(first, ["checkerboard"], rate_points=3)).info.name == name
    outcome = lic_eval("rd", "set", "-o", "out", "-m", first)
    assert outcome.stderr == f"3 results of model {name}, which is another one now: measured again\n"
    assert len(measured("out")) == 6


def test_other_settings_are_refused(pictures: Path, lic_eval: Callable[..., Result]) -> None:
    lic_eval("rd", "set", "-o", "out", "--threads", "1")
    outcome = lic_eval("rd", "set", "-o", "out", "--threads", "2")
    assert outcome.exit_code == 6
    assert "out was begun under other conditions (threads was 1, is 2)" in outcome.stderr
    assert lic_eval("rd", "set", "-o", "out", "--threads", "2", "-f").exit_code == 0
    assert len(measured("out")) == 3


def test_folders_below(pictures: Path, lic_eval: Callable[..., Result]) -> None:
    Path("set/below").mkdir()
    shutil.copy("set/0.png", "set/below/0.png")
    assert lic_eval("rd", "set", "-o", "out").exit_code == 0
    assert lic_eval("rd", "set", "-o", "out", "-r").exit_code == 0
    results = read_results("out/licrt2026-mse.json")
    assert [image.file for image in results.points[0].images] == ["0.png", "1.png", "below/0.png", "large.png"]


def test_pictures_that_cannot_be_read_are_1_and_the_others_done(
    pictures: Path, lic_eval: Callable, lic_eval_alone: Callable
) -> None:
    whole = Path("set/0.png").read_bytes()
    Path("set/0.png").write_bytes(whole[: len(whole) // 2])
    Path("set/lost.png").symlink_to("nowhere")
    for runs in (lic_eval("rd", "set", "-o", "one"), lic_eval_alone("rd", "set", "-o", "two", "-j", "2")):
        assert getattr(runs, "exit_code", None) or runs.returncode == 1
        lines = sorted(runs.stderr.splitlines())
        assert len(lines) == 2
        assert "set/0.png: the picture is damaged or cut short" in lines[1]
        assert "cannot read set/lost.png: No such file" in lines[0]
    for output in ("one", "two"):
        (point,) = read_results(f"{output}/licrt2026-mse.json").points
        assert [image.file for image in point.images] == ["1.png", "large.png"]
        assert sorted(failure.file for failure in point.failures) == ["0.png", "lost.png"]
    Path("set/0.png").write_bytes(whole)
    Path("set/lost.png").unlink()
    outcome = lic_eval("rd", "set", "-o", "one")
    assert (outcome.exit_code, outcome.stderr) == (0, "2 of 3 were measured before\n")
    assert len(read_results("one/licrt2026-mse.json").points[0].images) == 3


def test_nothing_but_failures_leaves_no_curve(tmp_path: Path, lic_eval: Callable[..., Result]) -> None:
    (tmp_path / "a.png").write_bytes(b"nothing")
    outcome = lic_eval("rd", tmp_path / "a.png", "-o", tmp_path / "out")
    assert outcome.exit_code == 1
    assert list((tmp_path / "out").glob("*.json")) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere", "-o", "out"], 6, "cannot read nowhere: No such file"),
        (["empty", "-o", "out"], 6, "nothing to do in empty"),
        (["set", "-o", "set/0.png"], 6, "cannot make the directory set/0.png"),
        (["set", "-o", "/proc/out"], 6, "cannot make the directory /proc/out"),
        (["set", "-o", "out", "-m", "nonsense"], 4, "model nonsense not found"),
        (["set", "-o", "out", "-q", "50", "-m", str(SINGLE_RATE)], 4, "single rate"),
        (["set", "-o", "out", "--device", "cuda"], 5, "device cuda cannot be used"),
        (["set", "-o", "out", "-q", "101"], 2, "101"),
        (["set", "-o", "out", "--curve", "../up"], 2, "cannot be the name of a file"),
        (["set"], 2, "--output"),
    ],
)
def test_mistakes(
    pictures: Path, lic_eval: Callable[..., Result], arguments: list[str], code: int, message: str
) -> None:
    Path("empty").mkdir()
    outcome = lic_eval("rd", *arguments)
    assert (outcome.exit_code, outcome.stdout) == (code, "")
    assert message in outcome.stderr
    assert not Path("out").exists()


def test_half_a_model_is_refused_before_anything_is_written(
    pictures: Path, tmp_path: Path, lic_eval: Callable[..., Result]
) -> None:
    half = tmp_path / "half"
    shutil.copytree(Codec.load("default").info.path, half)
    manifest = json.loads((half / "manifest.json").read_text())
    del manifest["graphs"]["synthesis"]
    (half / "manifest.json").write_text(json.dumps(manifest))
    outcome = lic_eval("rd", "set", "-o", "out", "-m", half)
    assert outcome.exit_code == 4
    assert not Path("out").exists()
