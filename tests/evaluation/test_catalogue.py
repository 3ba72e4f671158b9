"""Published curves: the numbers of CompressAI's files, each once, in files of ours."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from licrt.evaluation import catalogue
from licrt.evaluation.catalogue import published
from licrt.evaluation.storage import ResultsError

GENERATOR = Path(__file__).parents[2] / "benchmarks" / "published_curves.py"
FILES = {"vtm": "vtm", "bpg": "bpg_444_x265_ycbcr", "mbt2018-mse": "compressai-mbt2018_mse_cuda"}


@pytest.fixture
def results(shared_data: Path) -> Path:
    return shared_data / "reference" / "compressai" / "results" / "image"


@pytest.mark.parametrize("dataset", ["kodak", "clic2020-professional", "clic2020-mobile"])
@pytest.mark.parametrize("name", FILES)
def test_numbers_are_those_of_the_source(results, dataset, name) -> None:
    source = json.loads((results / dataset / f"{FILES[name]}.json").read_text())["results"]
    curve = catalogue.find(f"{dataset}/{name}").curve.results
    for metric in ("bpp", "psnr-rgb", "ms-ssim-rgb"):
        assert list(curve[metric]) == pytest.approx(source[metric], abs=6e-9)


def test_numbers_of_rounded_pictures_have_names_of_their_own(results) -> None:
    path = results / "8bit-decoded" / "kodak" / "compressai-mbt2018_mse_ans_cuda.json"
    rounded = catalogue.find("mbt2018-mse-8bit").curve.results["psnr-rgb"]
    assert list(rounded) == pytest.approx(json.loads(path.read_text())["results"]["psnr-rgb"], abs=6e-9)
    assert rounded[-1] < catalogue.find("mbt2018-mse").curve.results["psnr-rgb"][-1] - 0.05


def test_files_are_what_the_generator_makes(results, tmp_path) -> None:
    subprocess.run([sys.executable, GENERATOR, results, tmp_path], check=True)
    made = sorted(tmp_path.glob("*.json"))
    assert len(made) == 3
    for path in made:
        assert path.read_text() == (catalogue.FOLDER / path.name).read_text()


def test_every_curve_says_where_it_is_from() -> None:
    found = published()
    assert len({each.full_name for each in found}) == len(found) == 88
    for each in found:
        assert "CompressAI" in each.source
        assert "BSD-3-Clause-Clear" in each.licence
        assert len(each.how) > 10
        assert each.curve.results["bpp"] == tuple(sorted(each.curve.results["bpp"]))
        assert len({len(column) for column in each.curve.results.values()}) == 1
        assert each.curve.results.keys() & {"psnr-rgb", "ms-ssim-rgb", "ms-ssim-db-rgb"}


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ResultsError, match=re.escape("kodak/nothing: no such file")):
        catalogue.find("kodak/nothing")
