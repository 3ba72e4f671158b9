"""`lic-eval find-close`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from references.synthetic import write_bundle

from licrt.runtime import read_info
from licrt.runtime.pixels import psnr


@pytest.fixture
def original(pictures: Path) -> np.ndarray:
    with Image.open(pictures / "large.png") as image:
        return np.array(image)


def read(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def test_files_of_about_one_size(pictures, original, lic_eval) -> None:
    outcome = lic_eval("find-close", "set/large.png", "--target-bpp", "1.5", "jpeg", "webp", "default", "--json")
    assert outcome.exit_code == 0
    rows = {row["codec"]: row for row in json.loads(outcome.stdout)}
    assert list(rows) == ["jpeg", "webp", "licrt2026-mse"]
    for row in rows.values():
        size = Path(row["file"]).stat().st_size
        assert row["bytes"] == size
        assert row["bpp"] == pytest.approx(8 * size / original[..., 0].size)
        assert row["miss"] == pytest.approx(row["bpp"] - 1.5)
        assert row["psnr"] == pytest.approx(psnr(original, read(row["decoded"])))
    assert abs(rows["jpeg"]["miss"]) < 0.05
    assert abs(rows["webp"]["miss"]) < 0.05
    assert np.array_equal(read("large.jpeg.jpg"), read("large.jpeg.png"))
    assert 0 <= rows["licrt2026-mse"]["quality"] <= 100
    assert abs(rows["licrt2026-mse"]["miss"]) < 0.1
    assert read_info(Path("large.licrt2026-mse.lci").read_bytes()).width == 170


def test_a_variable_rate_model_is_searched_by_its_quality(pictures, lic_eval, tmp_path, monkeypatch) -> None:
    (tmp_path / "models").mkdir()
    write_bundle(tmp_path / "models" / "variable", ["checkerboard", "wavefront"], rate_points=5)
    monkeypatch.setenv("LICRT_MODEL_PATH", str(tmp_path / "models"))
    sizes = {}
    for target in ("0.01", "99"):
        outcome = lic_eval("find-close", "set/0.png", "--target-bpp", target, "variable", "-f", "--json")
        assert outcome.exit_code == 0
        (row,) = json.loads(outcome.stdout)
        sizes[row["quality"]] = (row["bytes"], read_info(Path(row["file"]).read_bytes()).rate_point)
    assert len(sizes) == 2
    (least, worst), (most, best) = sizes.values()
    assert least < most
    assert worst != best


def test_a_table_for_people(pictures, lic_eval) -> None:
    outcome = lic_eval("find-close", "set/large.png", "--target-psnr", "26", "jpeg", "webp", "-o", "found")
    lines = outcome.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["codec", "jpeg", "webp"]
    assert lines[1].endswith("  found/large.jpeg.jpg")
    assert sorted(path.name for path in Path("found").iterdir()) == [
        *("large.jpeg.jpg", "large.jpeg.png", "large.webp.png", "large.webp.webp")
    ]


def test_existing_files_are_kept_unless_forced(pictures, lic_eval) -> None:
    Path("large.jpeg.png").write_text("mine")
    arguments = ("find-close", "set/large.png", "--target-bpp", "1", "jpeg")
    outcome = lic_eval(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (6, "")
    assert "large.jpeg.png: it exists" in outcome.stderr
    assert not Path("large.jpeg.jpg").exists()
    assert lic_eval(*arguments, "-f").exit_code == 0
    assert Path("large.jpeg.png").read_bytes().startswith(b"\x89PNG")


def test_of_several_codecs_those_that_are_here_are_searched(pictures, lic_eval, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = lic_eval("find-close", "set/large.png", "--target-bpp", "1", "vtm", "jpeg")
    assert outcome.exit_code == 1
    assert "vtm: EncoderAppStatic or EncoderApp is not on the PATH" in outcome.stderr
    assert Path("large.jpeg.jpg").exists()
    assert lic_eval("find-close", "set/large.png", "--target-bpp", "1", "vtm").exit_code == 5


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["set/large.png", "jpeg"], 2, "give either --target-bpp or --target-psnr"),
        (["set/large.png", "jpeg", "--target-bpp", "1", "--target-psnr", "30"], 2, "give either"),
        (["set/large.png", "--target-bpp", "1"], 2, "Missing argument 'CODEC...'"),
        (["set/large.png", "jpeg", "--target-bpp", "0"], 2, "--target-bpp"),
        (["set/none.png", "jpeg", "--target-bpp", "1"], 6, "cannot read set/none.png"),
        (["set/large.png", "nothing", "--target-bpp", "1"], 4, "model nothing not found"),
        (["text.png", "jpeg", "--target-bpp", "1"], 6, "text.png"),
        (["set/large.png", "jpeg", "--target-bpp", "1", "-o", "text.png"], 6, "cannot make the directory text.png"),
    ],
)
def test_what_cannot_be_done(pictures, lic_eval, arguments, code, message) -> None:
    Path("text.png").write_text("no picture")
    outcome = lic_eval("find-close", *arguments)
    assert (outcome.exit_code, outcome.stdout) == (code, "")
    assert message in outcome.stderr
