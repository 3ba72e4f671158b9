"""`lic-eval peers` against the real CompressAI and constriction: what is compared is the same on both sides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import lane
from PIL import Image

from licrt.evaluation.cli import main
from licrt.evaluation.peers.coder import SCALES, symbols_of_a_picture
from licrt.export.bundle import Labels, export_bundle
from licrt.runtime import Codec
from licrt.trainer.checkpoint import load_checkpoint

if TYPE_CHECKING:
    from click.testing import Result

PHOTOGRAPH = Path(__file__).parents[3] / "examples" / "photo.webp"


def lic_eval(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["peers", *map(str, arguments)])


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Two small ones, of which one has to be padded."""
    paths = [tmp_path / "even.png", tmp_path / "odd.png"]
    with Image.open(PHOTOGRAPH) as image:
        image.convert("RGB").crop((300, 200, 428, 328)).save(paths[0])
        image.convert("RGB").crop((100, 100, 175, 150)).save(paths[1])
    return paths


@pytest.fixture(scope="module")
def trained(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A trained checkpoint and the bundle of it."""
    checkpoint = shared_data / "checkpoints" / "mbt2018-mean-64-96.pth.tar"
    bundle = tmp_path_factory.mktemp("peers") / "bundle"
    labels = Labels("trained", "mbt2018-mean", None, "mse", "Apache-2.0")
    export_bundle(load_checkpoint(checkpoint), labels, bundle, check=False)
    return checkpoint, bundle


@pytest.mark.oracle
def test_codec(pictures: list[Path], trained: tuple[Path, Path]) -> None:
    checkpoint, bundle = trained
    python = lane("oracle")
    result = lic_eval("codec", bundle, checkpoint, *pictures, "--pairs", 2, "-j", 1, "--oracle", python, "--json")
    assert result.exit_code == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    assert report["peer_versions"]["compressai"] == "1.2.8"
    codec = Codec.load(bundle, "cpu", 1)
    for row, path in zip(report["pictures"], pictures, strict=True):
        with Image.open(path) as image:
            rgb = np.asarray(image)
        data = codec.encode(rgb)
        error = np.mean((rgb.astype(float) - codec.decode(data)) ** 2)
        assert row["ours_bytes"] == len(data)
        assert row["ours_psnr"] == pytest.approx(10 * np.log10(255**2 / error))
    even = report["pictures"][0]
    assert even["theirs_psnr"] == pytest.approx(even["ours_psnr"], abs=0.02)
    assert 0 < even["ours_bytes"] - even["theirs_bytes"] < 100 + 0.005 * even["theirs_bytes"]
    for name in ("encode", "decode"):
        times = report[name]
        assert times["pairs"] == 2
        assert 0 < times["lowest_ratio"] <= times["ratio"] <= times["highest_ratio"]
    assert report["stages"].keys() == {"analysis", "hyper-analysis", "entropy-encode", "entropy-decode", "synthesis"}


@pytest.mark.oracle
def test_codec_table(pictures: list[Path], trained: tuple[Path, Path]) -> None:
    checkpoint, bundle = trained
    result = lic_eval("codec", bundle, checkpoint, pictures[0], "--pairs", 1, "--oracle", lane("oracle"))
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("licrt ")
    assert "compressai 1.2.8" in lines[0]
    assert [line.split()[0] for line in lines[1:4]] == ["picture", "even", "mean"]
    assert any(line.startswith("decode even: licrt ") and "median ratio of 1 pairs" in line for line in lines)


@pytest.mark.oracle
def test_coder() -> None:
    result = lic_eval("coder", "--pairs", 1, "--oracle", lane("oracle"), "--json")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    sizes = report["bytes"]
    assert sizes["licrt, 1 lanes"] == sizes["compressai.ans"]
    assert sizes["licrt, 1 lanes"] < sizes["licrt, 4 lanes"] < sizes["licrt, 1 lanes"] + 40
    if "constriction ANS" in sizes:
        assert sizes["constriction ANS"] == pytest.approx(sizes["compressai.ans"], rel=0.01)
    for direction in ("encode", "decode"):
        assert report[direction].keys() == {"1", "2", "4"}
        assert all(times["ratio"] > 0 for peers in report[direction].values() for times in peers.values())
    table = lic_eval("coder", "--pairs", 1, "--oracle", lane("oracle")).stdout
    assert "decode, 4 lanes, beside compressai.ans: " in table


def test_symbols_follow_the_scales_of_their_tables() -> None:
    drawn = symbols_of_a_picture()
    assert (np.diff(drawn.cdf, axis=1)[np.arange(drawn.cdf.shape[1] - 1) < drawn.lengths[:, None] - 1] > 0).all()
    assert (drawn.cdf[np.arange(len(SCALES)), drawn.lengths - 1] == 65536).all()
    for index in (30, 40):
        chosen = drawn.symbols[drawn.indexes == index]
        assert SCALES[index - 1] < chosen.std() < 1.1 * SCALES[index]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("coder", "--oracle", "/nowhere/python"), 5, "there is no /nowhere/python. Run: tests/oracle/create.sh"),
        (("coder", "--oracle", "/bin/false"), 5, "the peer's Python, /bin/false, failed: set_threads: "),
        (("codec", "default", "missing.pth.tar", "missing.png"), 2, "missing.pth.tar"),
        (("codec", "nothing", PHOTOGRAPH, PHOTOGRAPH), 4, "model nothing not found"),
        (("codec", "default", PHOTOGRAPH, PHOTOGRAPH, "--device", "abacus"), 2, "abacus"),
    ],
)
def test_errors(arguments: tuple[object, ...], code: int, message: str) -> None:
    result = lic_eval(*arguments)
    assert result.exit_code == code
    assert message in result.stderr


@pytest.mark.oracle
def test_a_file_that_is_no_checkpoint() -> None:
    result = lic_eval("codec", "default", PHOTOGRAPH, PHOTOGRAPH, "--oracle", lane("oracle"))
    assert result.exit_code == 5
    assert "failed: " in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
