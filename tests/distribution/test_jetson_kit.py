"""The kit as the owner of a board meets it: unpacked, and its script run, on Debian's 64-bit ARM userland under qemu.

Python is 3.11 there; the packages are those of JetPack 6. What streams decode to is compared with this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from references.programs import run
from references.userland import PYTHON, Userland

from licrt.runtime import Codec, read_info

if TYPE_CHECKING:
    import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
CROP = (101, 53, 230, 150)  # small, because emulated floats are slow; neither side a multiple of 16


@pytest.fixture(scope="session")
def kit(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked kit."""
    (archive,) = (file for file in dist.glob("licrt-jetson-kit-*.tar.gz") if "offline" not in file.name)
    with tarfile.open(archive) as tar:
        folder = tmp_path_factory.mktemp("kit")
        tar.extractall(folder, filter="data")
    (unpacked,) = folder.iterdir()
    return unpacked


@pytest.fixture(scope="session")
def board(aarch64_root: Path, kit: Path, tmp_path_factory: pytest.TempPathFactory) -> Userland:
    """A board without a network, with an offline kit for its Python, and a picture."""
    copy = tmp_path_factory.mktemp("board") / kit.name
    shutil.copytree(kit, copy)
    pins = ROOT / "distribution" / "jetson" / "pins.py"
    run(sys.executable, pins, PYTHON, "--download", copy / "wheels")
    with Image.open(copy / "photo.webp") as image:
        image.crop(CROP).save(copy / "crop.png")
    return Userland(aarch64_root, (copy,), copy, {"PIP_NO_COMPILE": "1"})


@pytest.fixture(scope="session")
def report(board: Userland) -> dict[str, Any]:
    """What run.sh reports there, from installation to measurement."""
    board.run("/bin/sh", "run.sh", "--picture", "crop.png", "--repeat", "1", "--output", "report.json")
    return json.loads((board.at / "report.json").read_text())


def test_every_step_succeeds(report: dict[str, Any]) -> None:
    assert report["ok"]
    assert report["failed"] == []
    assert set(report["steps"]) == {"doctor", "golden", "verify", "bench"}
    assert "neondot" in report["steps"]["doctor"]["stdout"]
    assert "paths agree" in report["steps"]["verify"]["stdout"]
    assert report["steps"]["bench"]["result"]["images"][0]["width"] == CROP[2] - CROP[0]
    assert report["board"]["kernel"].endswith("aarch64")
    assert report["board"]["model"] is report["board"]["l4t"] is report["board"]["power_mode"] is None


def test_packages_are_those_of_jetpack(report: dict[str, Any], board: Userland) -> None:
    versions = report["steps"]["bench"]["result"]["versions"]
    assert (versions["numpy"], versions["onnxruntime"], versions["Pillow"]) == ("2.2.6", "1.23.2", "12.3.0")
    board.run("venv/bin/python", "-m", "pip", "check")


def test_golden_stream_gives_the_latents_of_this_machine(report: dict[str, Any], kit: Path) -> None:
    golden = report["steps"]["golden"]["result"]
    data = (kit / "golden.lci").read_bytes()
    latents = Codec.load("default").decode_latents(data).astype("<i4").tobytes()
    assert golden["latent_crc"] == dict.fromkeys(("encoder", "here"), f"{read_info(data).latent_crc:08x}")
    assert golden["latent_sha256"] == hashlib.sha256(latents).hexdigest()
    assert golden["samples"] == pixels(kit / "golden.png").size
    assert golden["largest_difference"] <= 1


def test_stream_of_the_board_decodes_here(board: Userland, report: dict[str, Any]) -> None:
    board.run("venv/bin/lic-run", "encode", "crop.png", "-o", "crop.lci", "--quiet")
    board.run("venv/bin/lic-run", "decode", "crop.lci", "-o", "decoded.png", "--quiet")
    here = Codec.load("default").decode((board.at / "crop.lci").read_bytes())  # compares the latents' CRC-32
    assert np.abs(here - pixels(board.at / "decoded.png")).max() <= 1


def test_headers_of_the_board_give_the_same_module(
    aarch64: None, aarch64_root: Path, kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kit is built with the headers of another machine's Python, which the limited API allows."""
    headers = tmp_path / "headers"
    shutil.copytree(aarch64_root / "usr" / "include" / f"python{PYTHON}", headers)
    shutil.copy(aarch64_root / "usr" / "include" / "aarch64-linux-gnu" / f"python{PYTHON}" / "pyconfig.h", headers)
    settings = {
        "build-dir": tmp_path / "build",
        "cmake.toolchain-file": ROOT / "cmake" / "aarch64-linux-gnu.cmake",
        "cmake.define.Python_INCLUDE_DIR": headers,
    }
    options = [f"-C{name}={value}" for name, value in settings.items()]
    monkeypatch.setenv("_PYTHON_HOST_PLATFORM", "linux-aarch64")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, *options, ROOT)
    assert str(headers) in (tmp_path / "build" / "build.ninja").read_text()
    (wheel,) = tmp_path.glob("*.whl")
    run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", tmp_path / "repaired", wheel)  # as the kit's was
    assert module(tmp_path / "repaired") == module(kit)


def module(folder: Path) -> bytes:
    """The extension in the wheel of a folder."""
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as wheel:
        return wheel.read("licrt/runtime/_native.abi3.so")


def test_uses_what_is_installed(kit: Path, tmp_path: Path) -> None:
    """On this machine, whose licrt decodes the kit's stream as well."""
    done = script(kit, "--no-install", "--output", tmp_path / "report.json", "--repeat", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "report.json").read_text())["ok"]


def test_damaged_kit_is_refused(kit: Path, tmp_path: Path) -> None:
    copy = tmp_path / "kit"
    shutil.copytree(kit, copy)
    with (copy / "golden.lci").open("r+b") as file:
        file.write(b"\0")
    done = script(copy, "--no-install")
    assert done.returncode == 1
    assert "run.sh: the kit is damaged; unpack its archive again" in done.stderr


@pytest.mark.skipif(os.uname().machine == "aarch64", reason="this machine can install it")
def test_other_machines_are_refused(kit: Path) -> None:
    done = script(kit)
    assert done.returncode == 1
    assert done.stderr == f"run.sh: this is {os.uname().machine}, and the kit's wheel is for aarch64\n"


def script(kit: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run run.sh on this machine, with this Python."""
    environment = os.environ | {"PYTHON": sys.executable}
    command = ["sh", kit / "run.sh", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


def pixels(file: Path) -> npt.NDArray[np.int16]:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"), np.int16)
