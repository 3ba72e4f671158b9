"""What `make wheel` built, installed as users do under every Python that licrt supports: streams decode everywhere.

Python 3.10 and 3.12 get what the kit pins for JetPack 6 and 7, 3.11 the oldest versions that licrt allows, and 3.13 the
newest.
"""

from __future__ import annotations

import email
import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image
from references.environments import Environment, create

from licrt.runtime import read_info

ROOT = Path(__file__).resolve().parents[2]
LATENTS_OF = Path(__file__).with_name("latents_of.py")
NEEDED_BY_TESTS = ("cmake", "hypothesis", "ninja", "onnx", "pytest", "safetensors")  # of tests/runtime
STYLES = {"3.10": "JetPack 6", "3.11": "oldest", "3.12": "JetPack 7", "3.13": "newest"}


@dataclass(frozen=True)
class Tried:
    """What one environment did with the streams of all of them."""

    environment: Environment
    report: dict[str, Any]  # of latents_of.py
    pictures: dict[str, np.ndarray]  # decoded, by name of the stream


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    (file,) = dist.resolve().glob("licrt-*.whl")
    return file


@pytest.fixture(scope="session")
def environments(
    wheel: Path, pythons: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Environment]:
    if not pythons:
        pytest.skip("no Python of pyenv is here")
    folder = tmp_path_factory.mktemp("environments")

    def install(version: str) -> Environment:
        constraints = folder / f"{version}.txt"
        constraints.write_text(constrain(wheel, version))
        return create(pythons[version], folder / version, "--only-binary=:all:", "-c", constraints, f"{wheel}[cpu]")

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(pythons, pool.map(install, pythons), strict=True))


def constrain(wheel: Path, version: str) -> str:
    """The constraints of an environment."""
    if "JetPack" in STYLES[version]:
        command = [sys.executable, ROOT / "distribution" / "jetson" / "pins.py", version]
        pins = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return "".join(f"{line.partition(' --hash')[0]}\n" for line in pins.splitlines())
    if STYLES[version] == "newest":
        return ""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = email.message_from_bytes(archive.read(metadata)).get_all("Requires-Dist")
    bounds = [Requirement(line) for line in lines]
    base = [bound for bound in bounds if bound.marker is None or bound.marker.evaluate({"extra": "cpu"})]
    return "".join(f"{bound.name}{str(bound.specifier).replace('>=', '==')}\n" for bound in base)


@pytest.fixture(scope="session")
def streams(
    environments: dict[str, Environment], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> list[Path]:
    """The same pictures, encoded in every environment: PICTURE-VERSION.lci."""
    folder = tmp_path_factory.mktemp("streams")
    pictures = [ROOT / "examples" / "photo.webp"]
    kodak = ROOT.parent / "shared" / "data" / "kodak" / "kodim23.png"
    if kodak.exists():
        pictures.append(folder / "kodim23.png")
        with Image.open(kodak) as image:
            image.crop((101, 53, 502, 352)).save(pictures[-1])
    for version, environment in environments.items():
        for picture in pictures:
            environment.run("lic-run", "encode", picture, "-o", folder / f"{picture.stem}-{version}.lci", "--quiet")
    return sorted(folder.glob("*.lci"))


@pytest.fixture(scope="session")
def tried(
    environments: dict[str, Environment], streams: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Tried]:
    return {
        version: attempt(environment, streams, tmp_path_factory.mktemp(f"decoded-{version}"))
        for version, environment in environments.items()
    }


def attempt(environment: Environment, streams: list[Path], folder: Path) -> Tried:
    """Decode every stream: to latents with the class, and to pictures with the command."""
    report = json.loads(environment.run("python", LATENTS_OF, *streams))
    environment.run("lic-run", "decode", *streams, "--out-dir", folder, "--quiet")
    return Tried(environment, report, {file.name: pixels(folder / f"{file.stem}.png") for file in streams})


def pixels(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"), np.int16)


@pytest.fixture(params=list(STYLES))
def one(request: pytest.FixtureRequest, tried: dict[str, Tried]) -> Tried:
    if request.param not in tried:
        pytest.skip(f"Python {request.param} is not here")
    return tried[request.param]


def test_requirements_are_met(one: Tried) -> None:
    one.environment.pip("check")


def test_latents_are_those_of_the_encoder(one: Tried, tried: dict[str, Tried], streams: list[Path]) -> None:
    for stream in streams:
        encoder = tried[stream.stem.rpartition("-")[2]]
        latents = one.report["streams"][stream.name]
        assert latents == encoder.report["streams"][stream.name]
        assert latents["crc"] == f"{read_info(stream.read_bytes()).latent_crc:08x}"


def test_pictures_differ_by_at_most_one_level(one: Tried, tried: dict[str, Tried], streams: list[Path]) -> None:
    for stream in streams:
        assert largest_difference(one, tried[stream.stem.rpartition("-")[2]], stream) <= 1


def largest_difference(one: Tried, other: Tried, stream: Path) -> int:
    return int(np.abs(one.pictures[stream.name] - other.pictures[stream.name]).max())


def test_every_path_agrees(one: Tried, streams: list[Path]) -> None:
    for stream in streams:
        assert "paths agree" in one.environment.run("lic-run", "verify", stream)


def test_no_training_stack_is_loaded(one: Tried) -> None:
    assert {"licrt", "numpy", "onnxruntime"} <= set(one.report["modules"])
    assert not {"torch", "onnx", "onnxscript", "safetensors"} & set(one.report["modules"])


def test_matrix(tried: dict[str, Tried], streams: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Print what was tried: by stream and decoder, the latents' SHA-256 and the largest difference of a sample."""
    rows = [("Python", "as", "numpy", "onnxruntime", "Pillow", "click", "platformdirs")]
    for version, each in tried.items():
        packages = json.loads(each.environment.pip("list", "--format=json"))
        found = {package["name"].lower(): package["version"] for package in packages}
        python = each.report["versions"]["python"]
        rows.append((python, STYLES[version], *(found[name.lower()] for name in rows[0][2:])))
    rows += [(), ("stream", "bytes", "sha256", "CRC-32", *(f"by {version}" for version in tried))]
    for stream in streams:
        data, encoder = stream.read_bytes(), tried[stream.stem.rpartition("-")[2]]
        decoded = [
            f"{each.report['streams'][stream.name]['sha256'][:8]} \u00b1{largest_difference(each, encoder, stream)}"
            for each in tried.values()
        ]
        crc = f"{read_info(data).latent_crc:08x}"
        rows.append((stream.stem, str(len(data)), hashlib.sha256(data).hexdigest()[:8], crc, *decoded))
    with capsys.disabled():
        print("\n" + "\n".join("".join(f"{cell:<14}" for cell in row) for row in rows))


@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_units_of_the_runtime(version: str, environments: dict[str, Environment], tmp_path: Path) -> None:
    """What tests/runtime checks, where no PyTorch is: with the packages of JetPack 6, and with the newest."""
    if version not in environments:
        pytest.skip(f"Python {version} is not here")
    copy = replace(environments[version], path=os.environ["PATH"])
    copy.pip("install", "--quiet", "--only-binary=:all:", *NEEDED_BY_TESTS)
    options = ("-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'pytest'}", f"--rootdir={ROOT}")
    tests = ROOT / "tests" / "runtime"
    said = copy.run(
        "python", "-m", "pytest", *options, "-c", ROOT / "pyproject.toml", tests, f"--ignore={tests / 'native'}"
    )
    assert re.search(r"\d{3,} passed", said.splitlines()[-1])


def test_source_distribution(
    dist: Path, pythons: dict[str, Path], tried: dict[str, Tried], streams: list[Path], tmp_path: Path
) -> None:
    """pip builds a wheel of it where there is a compiler; what that decodes is the same."""
    (archive,) = dist.resolve().glob("licrt-[0-9]*.tar.gz")
    version = max(pythons, key=lambda text: int(text.partition(".")[2]))
    compiled = create(pythons[version], tmp_path / "venv", f"{archive}[cpu]", path=os.environ["PATH"])
    report = json.loads(compiled.run("python", LATENTS_OF, *streams))
    assert report["streams"] == tried[version].report["streams"]


def test_release_builds_are_the_intended_ones(dist: Path) -> None:
    options = ("--print-build-identifiers", "--platform", "linux", "--archs", "x86_64,aarch64")
    command = [sys.executable, "-m", "cibuildwheel", *options, ROOT]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    versions, machines = ("310", "311", "312", "313", "314"), ("x86_64", "aarch64")
    assert set(done.stdout.split()) == {f"cp{each}-manylinux_{machine}" for each in versions for machine in machines}
