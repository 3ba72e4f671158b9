"""The kit's requirements: print those of one Python, download their wheels, or write PyPI's hashes into them.

    .venv/bin/python distribution/jetson/pins.py 3.10                     # name==version --hash=…, without markers
    .venv/bin/python distribution/jetson/pins.py 3.10 --download FOLDER
    .venv/bin/python distribution/jetson/pins.py --update

A version is changed by hand, and its hashes with --update.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

FILE = Path(__file__).with_name("requirements.txt")
PYTHONS = ("3.10", "3.11", "3.12")  # 3.11 is that of the emulated machine in the tests
GLIBC = 35  # of JetPack 6
PLATFORMS = [f"manylinux_2_{minor}_aarch64" for minor in range(GLIBC, 16, -1)] + ["manylinux2014_aarch64"]


class Pin(NamedTuple):
    """A requirement with an exact version, and the hashes of the files that may be installed for it."""

    requirement: Requirement
    hashes: tuple[str, ...]


class Wheel(NamedTuple):
    """What PyPI says of a wheel."""

    tags: frozenset[Tag]
    requires_python: SpecifierSet
    sha256: str


def main() -> None:
    """Print, download, or update."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", nargs="?", choices=PYTHONS, default=PYTHONS[0], metavar="PYTHON")
    parser.add_argument("--download", type=Path, metavar="FOLDER", help="put the wheels there")
    parser.add_argument("--update", action="store_true", help="rewrite the hashes of requirements.txt")
    arguments = parser.parse_args()
    if arguments.update:
        update()
    elif arguments.download:
        download(arguments.python, arguments.download)
    else:
        print("\n".join(lines(arguments.python)))


def lines(python: str) -> list[str]:
    """Return the requirements of one Python, in pip's notation and without markers."""
    return [
        " ".join((f"{requirement.name}{requirement.specifier}", *(f"--hash=sha256:{each}" for each in hashes)))
        for requirement, hashes in read()
        if applies(requirement, python)
    ]


def download(python: str, folder: Path) -> None:
    """Download the wheels that a board with this Python installs. pip itself would read markers as this machine's."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(lines(python)))
        file.flush()
        options = ("--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation=cp")
        platforms = (f"--platform={platform}" for platform in PLATFORMS)
        command = ("pip", "--quiet", "download", *options, f"--python-version={python}", *platforms)
        subprocess.run([sys.executable, "-m", *command, "--dest", folder, "-r", file.name], check=True)


def update() -> None:
    """Write each pin with the hashes of the wheels that pip takes on a board."""
    text = [line for line in FILE.read_text().splitlines() if line.startswith("#")]
    for requirement, _ in read():
        offered = wheels(requirement)
        pythons = [python for python in PYTHONS if applies(requirement, python)]
        hashes = {best(offered, python) for python in pythons}
        if None in hashes:
            raise SystemExit(f"{requirement}: PyPI lacks a wheel for 64-bit ARM, glibc 2.{GLIBC}, one of {pythons}")
        marker = f" ; {requirement.marker}" if requirement.marker else ""
        options = "".join(f" \\\n    --hash=sha256:{each}" for each in sorted(filter(None, hashes)))
        text.append(f"{requirement.name}{requirement.specifier}{marker}{options}")
    FILE.write_text("\n".join(text) + "\n")


def read() -> list[Pin]:
    """Return the pins of requirements.txt."""
    joined = FILE.read_text().replace("\\\n", " ").splitlines()
    return [
        Pin(Requirement(line.partition(" --hash")[0]), tuple(re.findall(r"--hash=sha256:(\w+)", line)))
        for line in joined
        if line and not line.startswith("#")
    ]


def applies(requirement: Requirement, python: str) -> bool:
    """Whether a requirement is one of this Python."""
    return requirement.marker is None or requirement.marker.evaluate({"python_version": python})


def wheels(requirement: Requirement) -> list[Wheel]:
    """Return PyPI's wheels of the version that is required."""
    request = urllib.request.Request(
        f"https://pypi.org/simple/{requirement.name.lower()}/",
        headers={"Accept": "application/vnd.pypi.simple.v1+json"},
    )
    with urllib.request.urlopen(request) as answer:
        files = json.load(answer)["files"]
    (exactly,) = requirement.specifier
    name = re.compile(rf"[^-]+-{re.escape(exactly.version)}-.*\.whl")
    return [
        Wheel(
            parse_wheel_filename(file["filename"])[3],
            SpecifierSet(file["requires-python"] or ""),
            file["hashes"]["sha256"],
        )
        for file in files
        if name.fullmatch(file["filename"])
    ]


def best(offered: list[Wheel], python: str) -> str | None:
    """Return the hash of the wheel with the most specific tag for this Python, as pip chooses; None without one."""
    version = tuple(map(int, python.split(".")))
    for tag in (*cpython_tags(version, platforms=PLATFORMS), *compatible_tags(version, platforms=PLATFORMS)):
        for wheel in offered:
            if tag in wheel.tags and wheel.requires_python.contains(python):
                return wheel.sha256
    return None


if __name__ == "__main__":
    main()
