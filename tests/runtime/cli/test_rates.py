"""`lic-run` with a model of variable rate that has a context model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from references.synthetic import write_bundle

from licrt.runtime import read_info

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of such a model, which is found by it."""
    models = tmp_path / "models"
    models.mkdir()
    write_bundle(models / "variable", ["checkerboard", "wavefront"], rate_points=3)
    monkeypatch.setenv("LICRT_MODEL_PATH", str(models))
    return "variable"


def test_encode_with_a_quality(
    model: str, photo: Path, tmp_path: Path, lic_run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for quality, point in ((None, 1), (0, 0), (50, 1), (100, 2)):
        options = [] if quality is None else ["-q", str(quality)]
        assert lic_run("encode", photo, "-m", model, *options, "-o", "out.lci", "-f").code == 0
        data = (tmp_path / "out.lci").read_bytes()
        assert read_info(data).rate_point == point
        assert lic_run("decode", "out.lci", "-o", "out.png", "-f").code == 0
        info = lic_run("info", "out.lci")
        assert f"rate_point      {point}\n" in info.stdout.decode()
        fields = json.loads(lic_run("info", "out.lci", "--json").stdout)
        assert (fields["rate_point"], fields["quality"]) == (point, (None, 50, 100)[point])
        assert ("quality         50\n" in info.stdout.decode()) == (point == 1)
        with monkeypatch.context() as patched:  # a stream whose model is not here
            patched.delenv("LICRT_MODEL_PATH")
            fields = json.loads(lic_run("info", "out.lci", "--json").stdout)
            assert (fields["rate_point"], fields["quality"]) == (point, None)


@pytest.mark.parametrize("quality", ["-1", "101", "high", "2.5"])
def test_qualities_that_are_none_are_2(model: str, photo: Path, lic_run: Callable, quality: str) -> None:
    outcome = lic_run("encode", photo, "-m", model, f"--quality={quality}")
    assert outcome.code == 2
    assert "--quality" in outcome.stderr


@pytest.fixture
def sizes(model: str, photo: Path, tmp_path: Path, lic_run: Callable) -> list[int]:
    """The bytes of `photo.png` at each of the three rate points."""
    for quality in (0, 50, 100):
        assert lic_run("encode", photo, "-m", model, "-q", str(quality), "-o", f"{quality}.lci").code == 0
    return [(tmp_path / f"{quality}.lci").stat().st_size for quality in (0, 50, 100)]


def test_encode_with_a_target(model: str, sizes: list[int], photo: Path, tmp_path: Path, lic_run: Callable) -> None:
    for target, point in (
        (("--target-size", sizes[1]), 1),
        (("--target-size", sizes[2] - 1), 1),
        (("--target-bpp", 8 * sizes[0] / (75 * 50)), 0),
        (("--target-bpp", 1000.0), 2),
    ):
        outcome = lic_run("encode", photo, "-m", model, *map(str, target), "-o", "out.lci", "-f", "--verify")
        assert outcome.code == 0
        assert f"bpp  quality {50 * point}  verified" in outcome.stderr
        assert "larger than the target" not in outcome.stderr
        assert (tmp_path / "out.lci").stat().st_size == sizes[point]


def test_folders_with_a_target_say_what_does_not_fit(
    model: str, sizes: list[int], photo: Path, tmp_path: Path, lic_run: Callable
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "large.png").write_bytes(photo.read_bytes())
    with Image.open(photo) as image:
        image.crop((0, 0, 20, 20)).save(folder / "small.png")
    outcome = lic_run("encode", folder, "-m", model, "--target-size", str(sizes[0] - 1), "--out-dir", "out")
    assert outcome.code == 0
    assert f"{folder}/large.png: even at quality 0 the file is larger than the target" in outcome.stderr
    assert "(1 file)" in outcome.stderr
    assert read_info((tmp_path / "out/large.lci").read_bytes()).rate_point == 0
    assert (tmp_path / "out/small.lci").stat().st_size < sizes[0]


def test_transparency_and_profiles_count(model: str, photo: Path, tmp_path: Path, lic_run: Callable) -> None:
    from PIL import ImageCms

    with Image.open(photo) as image:
        image.putalpha(Image.linear_gradient("L").resize(image.size))
        image.save("rgba.png", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for point in (0, 1, 2):
        assert lic_run("encode", "rgba.png", "-m", model, "-q", str(50 * point), "-o", "a.lci", "-f").code == 0
        whole = (tmp_path / "a.lci").read_bytes()
        assert {section.name for section in read_info(whole).sections} >= {"alpha", "ICC profile"}
        size = str(len(whole))
        assert lic_run("encode", "rgba.png", "-m", model, "--target-size", size, "-o", "b.lci", "-f").code == 0
        assert (tmp_path / "b.lci").read_bytes() == whole


@pytest.mark.parametrize(
    "options",
    [
        ("-q", "50", "--target-bpp", "0.5"),
        ("-q", "50", "--target-size", "1000"),
        ("--target-bpp", "0.5", "--target-size", "1000"),
        ("--target-bpp", "0"),
        ("--target-bpp", "-1"),
        ("--target-bpp", "nan"),
        ("--target-bpp", "inf"),
        ("--target-bpp", "half"),
        ("--target-size", "0"),
        ("--target-size", "1.5"),
    ],
)
def test_targets_that_are_none_are_2(model: str, photo: Path, lic_run: Callable, options: tuple[str, ...]) -> None:
    outcome = lic_run("encode", photo, "-m", model, *options)
    assert outcome.code == 2
    assert "--target" in outcome.stderr
    assert not photo.with_suffix(".lci").exists()


def test_models_of_a_single_rate_refuse_targets(photo: Path, lic_run: Callable) -> None:
    outcome = lic_run("encode", photo, "--target-bpp", "0.5", "-m", "tiny-0")
    assert outcome.code == 4
    (line,) = outcome.stderr.splitlines()
    assert "tiny-0 has a single rate; leave target_bpp out" in line


def test_verify_takes_every_path(model: str, photo: Path, lic_run: Callable) -> None:
    assert lic_run("encode", photo, "-m", model, "-q", "80", "-o", "out.lci").code == 0
    outcome = lic_run("verify", "out.lci")
    assert outcome.code == 0
    assert "paths agree" in outcome.stdout.decode()
    assert "scalar, 1 thread" in outcome.stdout.decode()


def test_models_tells_how_many_rate_points_there_are(model: str, lic_run: Callable) -> None:
    rows = {row["name"]: row["rate_points"] for row in json.loads(lic_run("models", "--json").stdout)}
    assert (rows["variable"], rows["tiny-0"]) == (3, 1)
    lines = lic_run("models").stdout.decode().splitlines()
    column = lines[0].index("rate_points")
    assert next(line for line in lines if line.startswith("variable"))[column] == "3"
