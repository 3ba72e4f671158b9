"""distribution/check.py passes a wheel of this checkout, and names each thing that may be wrong with one."""

from __future__ import annotations

import runpy
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from licrt.runtime import _native

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "distribution" / "check.py"
CHECK = runpy.run_path(str(SCRIPT))
CHECKOUT = CHECK["read_checkout"](ROOT)
NAME = "licrt-0.1.0-cp310-abi3-manylinux_2_34_x86_64.whl"
INFO = "licrt-0.1.0.dist-info"
MODULE = "licrt/runtime/_native.abi3.so"
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def wheel() -> Files:
    """What a wheel for x86-64 holds, from the folders rather than from git."""
    files = {
        f"{package}/{path.relative_to(ROOT / folder)}": path.read_bytes()
        for package, folder in CHECK["mapping"](CHECKOUT).items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    built = ("native/", "_native.", "lib/", "include/")  # sources of the core, and what `make native` leaves
    files = {name: files[name] for name in files if not name.removeprefix("licrt/runtime/").startswith(built)}
    sources = {"licrt/zoo_manifests/generate.py", "licrt/zoo_manifests/table.tsv"}  # of what is there
    files = {name: files[name] for name in files if name not in sources}
    files |= {
        f"licrt-0.1.0.data/data/{path.relative_to(ROOT)}": path.read_bytes()
        for path in (ROOT / "share").rglob("*")
        if path.is_file()
    }
    elf = Path(_native.__file__).read_bytes()
    files[MODULE] = elf[:18] + (62).to_bytes(2, "little") + elf[20:]  # says x86-64, wherever this runs
    files |= {"licrt/runtime/_native.pyi": b"# stub", f"{INFO}/METADATA": b"Name: licrt", f"{INFO}/RECORD": b"list"}
    files["licrt/runtime/include/licrt.h"] = (ROOT / "runtime" / "native" / "include" / "licrt.h").read_bytes()
    return files | {f"{INFO}/licenses/{name}": (ROOT / name).read_bytes() for name in ("LICENSE", "NOTICE")}


def problems(files: Files, name: str = NAME, glibc: str = "2.36") -> list[str]:
    return list(CHECK["check_wheel"](name, files, CHECKOUT, glibc))


def test_wheel_of_this_checkout_passes(wheel: Files, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / NAME, "w") as archive:
        for name, content in wheel.items():
            archive.writestr(name, content)
    done = subprocess.run([sys.executable, SCRIPT, tmp_path / NAME], check=False, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.startswith(NAME)
    assert f"models {sum(map(len, embedded(wheel))) / 1e6:.2f}" in done.stdout


def embedded(wheel: Files) -> list[bytes]:
    return [content for name, content in wheel.items() if "/models_embedded/" in name]


@pytest.mark.parametrize(
    "missing",
    [
        MODULE,
        "licrt/runtime/_native.pyi",
        "licrt/runtime/include/licrt.h",
        "licrt/runtime/py.typed",
        "licrt/runtime/models_embedded/default/synthesis.onnx",
        f"{INFO}/licenses/NOTICE",
    ],
)
def test_what_is_missing_is_named(wheel: Files, missing: str) -> None:
    assert problems({name: content for name, content in wheel.items() if name != missing}) == [f"lacks {missing}"]


@pytest.mark.parametrize("extra", ["licrt/runtime/native/src/rans.h", "tests/conftest.py", "licrt/runtime/codec.pyc"])
def test_what_does_not_belong_is_named(wheel: Files, extra: str) -> None:
    assert problems(wheel | {extra: b"new"}) == [f"has {extra}, which neither git has nor CMake installs"]


def test_stale_file_is_named(wheel: Files) -> None:
    stale = wheel | {"licrt/runtime/codec.py": b"# of last week"}
    assert problems(stale) == ["licrt/runtime/codec.py is not as in the checkout"]


def test_file_that_is_there_twice_is_named(wheel: Files) -> None:
    copy = "licrt/runtime/include/copy.h"
    found = problems(wheel | {copy: wheel["licrt/runtime/include/licrt.h"]})
    assert found == [f"has the same bytes more than once: licrt/runtime/include/licrt.h, {copy}"]


def test_module_of_another_machine_is_named(wheel: Files) -> None:
    other = problems(wheel, NAME.replace("x86_64", "aarch64"))
    assert other == [f"{MODULE} is not for aarch64"]


@pytest.mark.parametrize(
    ("name", "glibc", "problem"),
    [
        (NAME, "2.28", "needs glibc 2.34, and may need 2.28"),
        (NAME.replace("manylinux_2_34", "linux"), "2.36", "expected a name such as"),
        (NAME.replace("cp310-abi3", "cp311-cp311"), "2.36", "expected a name such as"),
    ],
)
def test_wheel_that_boards_cannot_install_is_named(wheel: Files, name: str, glibc: str, problem: str) -> None:
    (found,) = problems(wheel, name, glibc)
    assert found.startswith(problem)


def test_source_distribution(tmp_path: Path) -> None:
    kept = ("runtime/", "evaluation/", "export/", "trainer/", "plugins/", "zoo_manifests/", "cmake/", "share/")
    files = {name: content for name, content in CHECKOUT.items() if name.startswith(kept) or name in CHECK["SOURCES"]}
    archive = tmp_path / "licrt-0.1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in files:
            tar.add(ROOT / name, f"licrt-0.1.0/{name}")
    assert CHECK["read_sdist"](archive) == files
    assert list(CHECK["check_sdist"](files, CHECKOUT)) == []
    wrong = files | {"tests/conftest.py": b"", "CMakeLists.txt": b""}
    assert list(CHECK["check_sdist"](wrong, CHECKOUT)) == [
        "CMakeLists.txt is not as in the checkout",
        "has tests/conftest.py, which no wheel needs",
    ]
    assert list(CHECK["check_sdist"](files | {"PKG-INFO": b"Name: licrt"}, CHECKOUT)) == []
    del files["runtime/native/src/rans.h"]
    assert list(CHECK["check_sdist"](files, CHECKOUT)) == ["lacks runtime/native/src/rans.h"]
