"""Where the C interface lies, and that programs can be built with what lies there, whatever builds them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from references.programs import CMAKE, ROOT, configure, run
from references.tiny_photo import photo

from licrt.runtime import Codec, __version__, linking
from licrt.runtime.bundle import load_bundle
from licrt.runtime.container import read_info
from licrt.runtime.errors import LicrtError
from licrt.runtime.flat import flatten

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = ROOT / "examples" / "c"
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, Path, int]:
    """The embedded model as a flat file, a stream, and the CRC-32 of its latents."""
    folder = tmp_path_factory.mktemp("files")
    codec = Codec.load("default", threads=1)
    data = codec.encode(photo(40, 70))
    codec.decode_latents(data)  # or raises
    (folder / "model.lcm").write_bytes(flatten(load_bundle(codec.info.path)))
    (folder / "stream.lci").write_bytes(data)
    return folder / "model.lcm", folder / "stream.lci", read_info(data).latent_crc


def check(program: Path, files: tuple[Path, Path, int]) -> None:
    assert f"\ndecoded         {files[2]:08x}, " in run(program, *files[:2])


def plain_options() -> list[str | Path]:
    library = linking.shared_library()
    return ["-I", linking.include_dir(), library, f"-Wl,-rpath,{library.parent}"]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_cmake_finds_the_installed_package(compiler, files, tmp_path):
    configure(EXAMPLE, tmp_path, f"-Dlicrt_DIR={linking.cmake_dir()}", f"-DCMAKE_C_COMPILER={compiler}")
    run(*CMAKE, "--build", tmp_path)
    check(tmp_path / "decode", files)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_plain_compiler_needs_three_options(compiler, files, tmp_path):
    strict = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    run(compiler, *strict, *EXAMPLE.glob("*.c"), *plain_options(), "-o", tmp_path / "decode")
    check(tmp_path / "decode", files)


@pytest.mark.parametrize("version", ["0.0", "0.2", "1.0"])
def test_cmake_takes_no_other_minor_version(version, tmp_path):
    major, minor, _ = __version__.split(".")
    assert (major, minor) == ("0", "1"), "give other versions to the test"
    (tmp_path / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.20)\nproject(p LANGUAGES C)\nfind_package(licrt {version} REQUIRED)\n"
    )
    with pytest.raises(AssertionError, match="compatible"):
        configure(tmp_path, tmp_path / "build", f"-Dlicrt_DIR={linking.cmake_dir()}")


@pytest.fixture(params=["static", "shared"])
def prefix(request, tmp_path) -> Path:
    """The library alone, installed below a prefix, and moved from there."""
    if request.param == "static":
        build = request.getfixturevalue("here").parents[2]
    else:
        build = tmp_path / "core"
        configure(ROOT, build, "-DLICRT_PYTHON=OFF", "-DBUILD_SHARED_LIBS=ON", "-DCMAKE_BUILD_TYPE=None")
        run(*CMAKE, "--build", build)
    run(*CMAKE, "--install", build, "--prefix", tmp_path / "first")
    return (tmp_path / "first").rename(tmp_path / "moved")


def test_the_library_alone_is_found_by_cmake(prefix, files, tmp_path):
    configure(EXAMPLE, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_C_COMPILER=gcc")
    run(*CMAKE, "--build", tmp_path / "build")
    check(tmp_path / "build" / "decode", files)
    (licrt_pc,) = prefix.rglob("licrt.pc")
    if shutil.which("pkg-config"):
        settings = {**os.environ, "PKG_CONFIG_PATH": str(licrt_pc.parent)}
        pkg_config = ["pkg-config", "--cflags", "--libs", "licrt = 0.1.0"]
        options = subprocess.run(pkg_config, env=settings, capture_output=True, text=True, check=True).stdout.split()
        rpath = f"-Wl,-rpath,{licrt_pc.parents[1]}"
        run("gcc", *EXAMPLE.glob("*.c"), *options, rpath, "-o", tmp_path / "decode")
        check(tmp_path / "decode", files)


@pytest.mark.parametrize("compiler", ["cc -std=c11", "c++ -std=c++11 -x c++", "c++ -std=c++20 -x c++"])
def test_the_example_in_the_header_is_true(compiler, tmp_path):
    header = (linking.include_dir() / "licrt.h").read_text()
    code = "\n".join(re.findall(r"^ \*     (.*)$", header, re.M))
    assert "licrt_decode" in code
    source = tmp_path / "example.c"
    source.write_text(f"#include <licrt.h>\n#include <stdio.h>\nint main(void) {{\n{code}\nreturn 0;\n}}\n")
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    name, *options = compiler.split()
    run(name, *options, *strict, source, "-x", "none", *plain_options(), "-o", tmp_path / "example")
    assert run(tmp_path / "example") == "success: 0 0\n"


@pytest.mark.parametrize(
    ("option", "place"),
    [
        ("--cmake-dir", linking.cmake_dir),
        ("--include-dir", linking.include_dir),
        ("--library", linking.shared_library),
    ],
)
def test_the_command_prints_what_is_asked_for(option, place):
    assert run(sys.executable, "-m", "licrt.runtime", option) == f"{place()}\n"


def test_a_missing_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(linking, "LIBRARY", "liblicrt.so.99")
    with pytest.raises(LicrtError, match=r"lib/liblicrt\.so\.99 is missing\. Install licrt again"):
        linking.shared_library()
