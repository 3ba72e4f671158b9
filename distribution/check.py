"""Whether wheels and source distributions hold what they should and nothing else, and what they weigh.

    .venv/bin/python distribution/check.py [--glibc 2.35] dist/*

The measure is the checkout: every file that git has of the packages, byte for byte, beside what CMake installs. Prints
a row for each distribution; problems go to the standard error, and make the exit code 1.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Files = Mapping[str, bytes]

ROOT = Path(__file__).resolve().parent.parent
LICENCES = ("LICENSE", "NOTICE")
SOURCES = (*LICENCES, "CHANGELOG.md", "CMakeLists.txt", "README.md", "pyproject.toml")  # beside packages and FOLDERS
FOLDERS = ("cmake/", "share/")
NATIVE = "licrt/runtime/_native.abi3.so"
STUB = "licrt/runtime/_native.pyi"
INSTALLED = ("licrt/runtime/include/", "licrt/runtime/lib/")  # where CMake alone puts things
HEADER = "licrt/runtime/include/licrt.h"
MACHINES = {"x86_64": 62, "aarch64": 183}  # e_machine of ELF
ELF = b"\x7fELF"
GLIBC = "2.36"  # Debian 12


def main() -> int:
    """Check every file named, and print its size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--glibc", default=GLIBC, help="newest glibc that a wheel may need (default: %(default)s)")
    arguments = parser.parse_args()
    checkout = read_checkout(ROOT)
    problems = []
    for path in arguments.files:
        if path.suffix == ".whl":
            files = read_wheel(path)
            found = check_wheel(path.name, files, checkout, arguments.glibc)
        else:
            files = read_sdist(path)
            found = check_sdist(files, checkout)
        problems += [f"{path.name}: {problem}" for problem in found]
        packed, unpacked = path.stat().st_size / 1e6, sum(map(len, files.values())) / 1e6
        print(f"{path.name:<60}{packed:8.2f} MB, unpacked {unpacked:.2f} MB: {parts(files)}")
    print("\n".join(problems), end="\n" if problems else "", file=sys.stderr)
    return bool(problems)


def read_checkout(root: Path) -> Files:
    """Return what git has or would take, by path."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return {name: (root / name).read_bytes() for name in names if (root / name).is_file()}


def read_wheel(path: Path) -> Files:
    """Return the files of a wheel."""
    with zipfile.ZipFile(path) as archive:
        return {item.filename: archive.read(item) for item in archive.infolist() if not item.is_dir()}


def read_sdist(path: Path) -> Files:
    """Return the files of a source distribution, without its folder's name."""
    with tarfile.open(path) as archive:
        members = [(item, archive.extractfile(item)) for item in archive.getmembers()]
        return {item.name.partition("/")[2]: file.read() for item, file in members if file}


def check_wheel(name: str, files: Files, checkout: Files, glibc: str) -> Iterator[str]:
    """Yield what is wrong with a wheel, in a line each."""
    tag = re.fullmatch(r"licrt-[^-]+-cp310-abi3-manylinux_2_(\d+)_(x86_64|aarch64)\.whl", name)
    if tag is None:
        yield "expected a name such as licrt-1.0-cp310-abi3-manylinux_2_28_x86_64.whl"
    elif int(tag[1]) > int(glibc.partition(".")[2]):
        yield f"needs glibc 2.{tag[1]}, and may need {glibc}"
    info = next((path.partition("/")[0] for path in files if path.endswith(".dist-info/METADATA")), "no dist-info")
    expected = packages(checkout) | {HEADER: checkout["runtime/native/include/licrt.h"]}
    expected |= {f"{info}/licenses/{licence}": checkout[licence] for licence in LICENCES}
    data = f"{info.removesuffix('.dist-info')}.data/data"
    expected |= {f"{data}/{path}": content for path, content in checkout.items() if path.startswith("share/")}
    yield from compare(files, expected)
    stub = set() if tag and tag[2] == "aarch64" else {STUB}  # cross-compiled, where making it is impossible
    yield from (f"lacks {path}" for path in sorted({NATIVE, *stub} - files.keys()))
    known = {*expected, NATIVE, STUB}
    for path in sorted(files.keys() - known):
        if not path.startswith((*INSTALLED, f"{info}/")):
            yield f"has {path}, which neither git has nor CMake installs"
    for path, content in files.items():
        if content.startswith(ELF) and tag and int.from_bytes(content[18:20], "little") != MACHINES[tag[2]]:
            yield f"{path} is not for {tag[2]}"
    copies = defaultdict(list)
    for path, content in files.items():
        if content:
            copies[hashlib.sha256(content).digest()].append(path)
    yield from (f"has the same bytes more than once: {', '.join(paths)}" for paths in copies.values() if len(paths) > 1)


def check_sdist(files: Files, checkout: Files) -> Iterator[str]:
    """Yield what is wrong with a source distribution, in a line each."""
    folders = (*FOLDERS, *(f"{folder}/" for folder in mapping(checkout).values()))
    expected = {path: content for path, content in checkout.items() if path in SOURCES or path.startswith(folders)}
    yield from compare(files, expected)
    yield from (f"has {path}, which no wheel needs" for path in sorted(files.keys() - expected.keys() - {"PKG-INFO"}))


def compare(files: Files, expected: Files) -> Iterator[str]:
    """Yield what is missing, or differs from the checkout."""
    for path, content in sorted(expected.items()):
        if path not in files:
            yield f"lacks {path}"
        elif files[path] != content:
            yield f"{path} is not as in the checkout"


def packages(checkout: Files) -> dict[str, bytes]:
    """Return the files of all Python packages by their paths in a wheel, but for what pyproject.toml leaves out."""
    found = {
        f"{package}/{path.removeprefix(f'{folder}/')}": content
        for package, folder in mapping(checkout).items()
        for path, content in checkout.items()
        if path.startswith(f"{folder}/")
    }
    patterns = settings(checkout)["exclude"]
    return {path: content for path, content in found.items() if not any(fnmatch(path, each) for each in patterns)}


def mapping(checkout: Files) -> dict[str, str]:
    """Return the folder of each package."""
    return settings(checkout)["packages"]


def settings(checkout: Files) -> dict[str, Any]:
    """Return what pyproject.toml says of wheels."""
    return tomllib.loads(checkout["pyproject.toml"].decode())["tool"]["scikit-build"]["wheel"]


def parts(files: Files) -> str:
    """Say what the bytes are."""
    kinds = {
        "models": r".*models_embedded/.*",
        "native": r".*(\.so|\.so\.\d+|\.cpp|\.h)",
        "Python": r".*\.pyi?",
        "the rest": r".*",
    }
    sizes = dict.fromkeys(kinds, 0.0)
    for path, content in files.items():
        sizes[next(kind for kind, pattern in kinds.items() if re.fullmatch(pattern, path))] += len(content) / 1e6
    return ", ".join(f"{kind} {megabytes:.2f}" for kind, megabytes in sizes.items())


if __name__ == "__main__":
    sys.exit(main())
