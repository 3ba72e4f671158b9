"""The kit's requirements are complete, exact, and hashed for every Python that they name."""

from __future__ import annotations

import importlib.metadata
import runpy
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import canonicalize_name

PINS = runpy.run_path(str(Path(__file__).resolve().parents[3] / "distribution" / "jetson" / "pins.py"))


@pytest.mark.parametrize("python", PINS["PYTHONS"])
def test_each_python_gets_each_package_once_and_hashed(python: str) -> None:
    names = []
    for line in PINS["lines"](python):
        requirement, *hashes = line.split(" ")
        name, version = requirement.split("==")
        names.append(canonicalize_name(name))
        assert version[0].isdigit()
        assert hashes
        assert all(len(each) == len("--hash=sha256:") + 64 for each in hashes)
    assert len(set(names)) == len(names)
    required = {canonicalize_name(Requirement(line).name) for line in base_requirements()}
    assert required | {"onnxruntime"} <= set(names)


def base_requirements() -> list[str]:
    return [line for line in importlib.metadata.requires("licrt") or [] if "extra" not in line]


def test_jetpack_6_gets_what_its_python_can_have() -> None:
    pinned = {line.partition(" ")[0] for line in PINS["lines"]("3.10")}
    assert {"numpy==2.2.6", "onnxruntime==1.23.2"} <= pinned


def test_the_most_specific_wheel_is_taken() -> None:
    def wheel(interpreter: str, abi: str, platform: str, requires: str, name: str) -> object:
        return PINS["Wheel"](frozenset([Tag(interpreter, abi, platform)]), SpecifierSet(requires), name)

    offered = [
        wheel("py3", "none", "any", "", "pure"),
        wheel("cp310", "abi3", "manylinux_2_28_aarch64", ">=3.11", "stable"),
        wheel("cp312", "cp312", "manylinux_2_39_aarch64", "", "new glibc"),
        wheel("cp312", "cp312", "manylinux_2_28_x86_64", "", "other machine"),
    ]
    assert PINS["best"](offered, "3.12") == "stable"
    assert PINS["best"](offered, "3.10") == "pure"
    assert PINS["best"](offered[2:], "3.12") is None
