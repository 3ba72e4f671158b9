"""`lic-run flatten`: where the file goes, and what is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from references.bundles import edit
from references.synthetic import write_bundle

from licrt.runtime.bundle import load_bundle
from licrt.runtime.flat import flatten
from licrt.runtime.models import find


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_file_is_called_after_the_model(lic_run) -> None:
    outcome = lic_run("flatten", "default")
    assert (outcome.code, outcome.stdout) == (0, b"")
    data = Path("licrt2026-mse.lcm").read_bytes()
    assert data == flatten(load_bundle(find("default")))
    assert outcome.stderr == f"licrt2026-mse ({data[12:28].hex()}) -> licrt2026-mse.lcm  {len(data):,} bytes\n"
    again = lic_run("flatten", "default")
    assert again.code == 6
    assert again.stderr == "lic-run: cannot write licrt2026-mse.lcm: it exists. Pass -f to replace it\n"
    assert lic_run("flatten", "default", "-f", "--quiet").stderr == ""


def test_the_standard_output(lic_run) -> None:
    outcome = lic_run("flatten", "default", "-o", "-")
    assert outcome.stdout == flatten(load_bundle(find("default")))
    assert "-> stdout" in outcome.stderr


def test_a_bundle_with_a_name_that_leaves_the_directory(lic_run) -> None:
    edit(write_bundle(Path("model")), lambda manifest: manifest.update(name="../model"))
    outcome = lic_run("flatten", "model")
    assert outcome.code == 2
    assert "'../model', which is no name of a file; use -o" in outcome.stderr
    assert lic_run("flatten", "model", "-o", "a.lcm").code == 0


def test_a_missing_model(lic_run) -> None:
    assert lic_run("flatten", "nonsense").code == 4
    assert lic_run("flatten").code == 2
