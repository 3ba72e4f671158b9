"""The manifests are what the script writes, and say what CompressAI publishes."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from licrt.export.cli import ARCHITECTURES
from licrt.export.zoo import SHIPPED, available
from licrt.export.zoo_manifest import Manifest, Result
from licrt.trainer.models.variable_rate import LAMBDAS

FOLDER = Path(__file__).resolve().parents[2] / "zoo_manifests"
PAGE = (FOLDER.parent / "docs" / "zoo.md").read_text(encoding="utf-8")
WRITTEN: dict[str, str] = runpy.run_path(str(FOLDER / "generate.py"))["manifests"]()
KNOWN_SIZES = {"cheng2020-anchor-ms-ssim-4": (128, 128)}  # that differ from CompressAI's table


@pytest.fixture(scope="module")
def published(shared_data: Path) -> Path:
    return shared_data / "reference" / "compressai"


def test_committed_and_installed_files_are_what_the_script_writes() -> None:
    for folder in (FOLDER, SHIPPED):
        committed = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
        assert committed == WRITTEN, "run: python zoo_manifests/generate.py"


def test_there_is_one_for_every_published_file(published: Path) -> None:
    """100 files: 88 for pictures, 3 of variable rate, 9 for video."""
    zoo = json.loads((published / "zoo.json").read_text())
    expected: dict[str, dict[str, Any]] = {}
    for arch, metrics in zoo["models"].items():
        for metric, qualities in metrics.items():
            expected |= {f"{arch}-{metric}-{quality}": entry for quality, entry in qualities.items()}
    for arch, urls in zoo["vbr"].items():
        expected |= {f"{arch}-{metric}": {"url": url, "cfg": [192, 320]} for metric, url in urls.items()}
    for arch, metrics in zoo["video"].items():
        for metric, urls in metrics.items():
            expected |= {f"{arch}-{metric}-{q}": {"url": url, "cfg": [128, 192]} for q, url in urls.items()}
    manifests = {each.name: each for each in available()}
    assert manifests.keys() == expected.keys()
    assert len(manifests) == 100
    for name, each in manifests.items():
        assert each.url == expected[name]["url"]
        assert each.sha256_prefix == expected[name].get("sha256_prefix", each.url.split(".")[-3][-8:])
        channels, *rest = expected[name]["cfg"]
        assert (each.channels, each.latent_channels) == KNOWN_SIZES.get(name, (channels, rest[0] if rest else channels))


def results_of(each: Manifest, published: Path) -> tuple[str, int | None]:
    """File of the published results, and the place of the model in it."""
    folder = published / "results" / "image"
    if each.quality is None:
        return str(folder / "kodak" / f"{each.arch}-ans.json"), None
    if each.metric == "mse":
        return str(folder / "8bit-decoded" / "kodak" / f"compressai-{each.arch}_mse_ans_cuda.json"), each.quality - 1
    return str(folder / "kodak" / f"compressai-{each.arch}_ms-ssim_cuda.json"), each.quality - 1


@pytest.mark.parametrize("each", [each for each in available() if not each.unsupported], ids=lambda each: each.name)
def test_results_are_the_published_ones(each: Manifest, published: Path) -> None:
    file, place = results_of(each, published)
    lists = json.loads(Path(file).read_text())["results"]
    rows = [Result(*row) for row in zip(lists["bpp"], lists["psnr-rgb"], lists["ms-ssim-rgb"], strict=True)]
    expected = rows if place is None else rows[place : place + 1]
    assert len(each.kodak) == len(expected)
    for result, row in zip(each.kodak, expected, strict=True):
        assert result.bpp == pytest.approx(row.bpp, abs=5.001e-6)
        assert result.psnr == pytest.approx(row.psnr, abs=5.001e-5)
        assert result.ms_ssim == pytest.approx(row.ms_ssim, abs=5.001e-6)
    assert each.pixels == ("unstated" if place is None else {"mse": "8-bit", "ms-ssim": "float"}[each.metric])


def test_8_bit_results_for_ms_ssim_are_still_those_for_mse(published: Path) -> None:
    """Why they are not used; if this fails, they can be."""
    folder = published / "results" / "image" / "8bit-decoded" / "kodak"
    for path in folder.glob("*_ms-ssim_*.json"):
        mse = path.with_name(path.name.replace("_ms-ssim_", "_mse_"))
        assert json.loads(path.read_text())["results"]["psnr-rgb"] == json.loads(mse.read_text())["results"]["psnr-rgb"]


def test_what_can_be_exported_has_an_architecture() -> None:
    for each in available():
        assert (each.arch in ARCHITECTURES) != bool(each.unsupported), each.name
        expected = 8 if each.quality is None else 1
        assert len(each.lambdas) == (0 if each.unsupported else expected)
    assert {each.lambdas for each in available() if each.arch.endswith("-vbr")} == {LAMBDAS}


def test_the_page_lists_what_there_is() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| ([a-z, -]+) \| ([\d…]+|none) \| ([^|]+) \|$", PAGE, re.M)
    listed = {}
    for arch, metrics, qualities, sizes in rows:
        for metric in metrics.split(", "):
            listed[arch, metric] = (qualities, sizes)
    there: dict[tuple[str, str], list[Manifest]] = {}
    for each in available():
        there.setdefault((each.arch, each.metric), []).append(each)
    assert listed.keys() == there.keys()
    for key, manifests in there.items():
        qualities, sizes = listed[key]
        numbers = [each.quality for each in manifests]
        assert qualities == ("none" if numbers == [None] else f"{numbers[0]}…{numbers[-1]}")
        for each in manifests:
            assert f"{each.channels}, {each.latent_channels}" in sizes
    for each in available():
        for note in each.notes:
            assert f"`{each.name}`: {note}" in PAGE
