"""Fixtures for what lives outside the repository: CompressAI, data beside the checkout, tools, Pythons, wheels.

Tests that need one of them are skipped where it is missing. ``LICRT_REQUIRE=oracle,data,aarch64,valgrind`` makes a
session fail instead, so that a check that should have run cannot quietly disappear.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import pytest

from licrt.runtime.backends import default_threads
from licrt.runtime.backends.choice import ENGINES
from licrt.runtime.backends.driver import NoDriverError, find_driver
from licrt.runtime.backends.unusable import UnusableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from references.userland import Userland

    from licrt.runtime.backends import Backend
    from licrt.runtime.backends.driver import Driver

Made = TypeVar("Made")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "evaluation" / "peers" / "oracle"))
from oracle_protocol import Oracle  # noqa: E402


def tool(name: str) -> Path:
    """Where a program is, or would be."""
    return Path(shutil.which(name) or f"/usr/bin/{name}")


def module(name: str) -> Path:
    """Where a package is, or would be."""
    found = find_spec(name)
    return Path(found.origin if found and found.origin else f"{sys.prefix}/lib/{name}")


def interpreter(version: str) -> Path:
    """Where a Python is, or would be: pyenv's, or the one on the path."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    names = (path.name for path in versions.glob(f"{version}.*"))
    of_pyenv = sorted(versions / name / "bin" / "python" for name in names if name.replace(".", "").isdigit())
    return of_pyenv[-1] if of_pyenv else tool(f"python{version}")


PYTHONS = {version: interpreter(version) for version in ("3.10", "3.11", "3.12", "3.13")}

# Each lane: the paths that it needs, and how to get them.
LANES = {
    "oracle": (
        [Path(os.environ.get("LICRT_ORACLE", ROOT / ".venv-oracle")) / "bin" / "python"],
        "run tests/oracle/create.sh",
    ),
    "data": ([ROOT.parent / "shared" / "data"], "put the project's data folder there"),
    "valgrind": ([tool("valgrind")], "install Debian's valgrind"),
    "aarch64": (
        [tool(name) for name in ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++", "qemu-aarch64-static")],
        "install Debian's g++-aarch64-linux-gnu and qemu-user-static",
    ),
    "s390x": (
        [tool(name) for name in ("s390x-linux-gnu-gcc", "s390x-linux-gnu-g++", "qemu-s390x-static")],
        "install Debian's g++-s390x-linux-gnu and qemu-user-static",
    ),
    "desktop": (
        [tool(name) for name in ("file", "update-mime-database", "gio")],
        "install Debian's file, shared-mime-info and libglib2.0-bin",
    ),
    "userland": (
        [tool(name) for name in ("debootstrap", "proot", "qemu-aarch64-static")],
        "install Debian's debootstrap, proot and qemu-user-static",
    ),
    "ffmpeg": ([tool(name) for name in ("ffmpeg", "ffprobe")], "install Debian's ffmpeg"),
    "chromium": ([tool("chromium")], "install Debian's chromium"),
    "ray": ([module("ray")], "install licrt[ray]"),
    "tensorrt": ([module("tensorrt_rtx")], "install tensorrt-rtx-cu12"),
    "onnxruntime-gpu": (
        [Path(os.environ.get("LICRT_ORT_GPU", ROOT / ".venv-gpu")) / "bin" / "python"],
        "make a virtual environment there, with onnxruntime-gpu and what licrt needs",
    ),
    "gpu": ([], "use a machine with NVIDIA's driver"),  # which no path tells of: see the fixture `driver`
    "pythons": (list(PYTHONS.values()), "install it with pyenv"),
    "dist": ([Path(os.environ.get("LICRT_DIST", "$LICRT_DIST"))], "run make test-wheel or make test-jetson-kit"),
}

EMULATORS = {"aarch64", "s390x", "userland"}  # fixtures of tests that run on other machines, as qemu emulates them


def missing(name: str) -> str | None:
    """What a lane lacks, and the remedy, in one line."""
    paths, remedy = LANES[name]
    return next((f"{path} is missing; {remedy}" for path in paths if not path.exists()), None)


def lane(name: str) -> Path:
    """The first path of a lane, or skips the test."""
    reason = missing(name)
    if reason:
        pytest.skip(f"{name}: {reason}")
    return LANES[name][0][0]


def required() -> list[str]:
    """The lanes that must not be skipped."""
    return list(filter(None, os.environ.get("LICRT_REQUIRE", "").split(",")))


def unavailable(name: str, reason: object) -> NoReturn:
    """Skip the test for want of what no path tells of, or fail it where the lane must not be skipped."""
    if name in required():
        pytest.fail(f"LICRT_REQUIRE names {name}, but {reason}")
    pytest.skip(f"{name}: {reason}")


def pytest_configure() -> None:
    # A job that a script left in the background ignores interrupts, and so would the programs that tests interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if EMULATORS & set(getattr(item, "fixturenames", ())):
            item.add_marker("emulated")


def pytest_sessionstart() -> None:
    for name in required():
        if name not in LANES:
            pytest.exit(f"LICRT_REQUIRE: unknown lane {name!r}, expected some of {', '.join(LANES)}", returncode=1)
        reason = missing(name)
        if reason:
            pytest.exit(f"LICRT_REQUIRE names {name}, but {reason}", returncode=1)


@pytest.fixture(scope="session")
def driver() -> Driver:
    """NVIDIA's driver; skips the test where there is none."""
    try:
        return find_driver()
    except NoDriverError as error:
        unavailable("gpu", error)


@pytest.fixture(scope="session")
def no_driver() -> None:
    """Skips the test where there is NVIDIA's driver: it is of what happens without."""
    try:
        find_driver()
    except NoDriverError:
        return
    pytest.skip("this machine has a driver")


GPU_ENGINES = [engine for engine in ENGINES if engine.device != "cpu"]


@pytest.fixture(scope="session", params=GPU_ENGINES, ids=lambda engine: engine.name)
def gpu_backend(request: pytest.FixtureRequest, driver: Driver) -> Backend:
    """Each engine for a GPU that is installed here; one that is and does not work is an error."""
    try:
        return request.param.open(default_threads())
    except UnusableError as error:
        pytest.skip(f"{request.param.name}: {error}")


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """CompressAI in its own process: ``oracle("encode", symbols=…, …)``, calls in tests/oracle/oracle_calls.py."""
    with closing(Oracle(lane("oracle"), ROOT / "tests" / "oracle" / "oracle_calls.py")) as process:
        yield process


@pytest.fixture(scope="session")
def oracle_packages() -> Path:
    """The packages of CompressAI's environment."""
    (folder,) = lane("oracle").parents[1].glob("lib/python*/site-packages")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of pictures and checkpoints beside the repository."""
    return lane("data")


@pytest.fixture(scope="session")
def aarch64() -> None:
    """Skips the test where there is no cross-compiler and emulator for 64-bit ARM."""
    lane("aarch64")


@pytest.fixture(scope="session")
def desktop() -> None:
    """Skips the test where the tools that know files by their types are missing."""
    lane("desktop")


@pytest.fixture(scope="session")
def dist() -> Path:
    """The folder of wheels, source distribution and kit that `make` built."""
    return lane("dist")


@pytest.fixture(scope="session")
def pythons() -> dict[str, Path]:
    """The interpreters that are here, by version."""
    return {version: path for version, path in PYTHONS.items() if path.exists()}


@pytest.fixture(scope="session")
def ffmpeg() -> Path:
    """The program, or skips the test."""
    return lane("ffmpeg")


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The program, or skips the test."""
    return lane("chromium")


@pytest.fixture(scope="session")
def ray() -> None:
    """Skips the test where Ray is not installed."""
    lane("ray")


@pytest.fixture(scope="session")
def tensorrt() -> None:
    """Skips the test where TensorRT-RTX is not installed."""
    lane("tensorrt")


@pytest.fixture(scope="session")
def userland() -> None:
    """Skips the test where no userland for 64-bit ARM can be built and run."""
    lane("userland")


@pytest.fixture(scope="session")
def aarch64_root(userland: None) -> Path:
    """The folder of a 64-bit ARM Debian without licrt."""
    from references.userland import debian

    return downloaded(debian)


@pytest.fixture(scope="session")
def emulated(aarch64: None, userland: None) -> Userland:
    """A 64-bit ARM machine with Python, ONNX Runtime and licrt, which sees the checkout and temporary files."""
    from references.userland import userland

    return downloaded(userland)


def downloaded(make: Callable[[], Made]) -> Made:
    """What is made out of downloads; skips the test where these cannot be had, unless it must not be skipped."""
    from references.userland import Unavailable

    try:
        return make()
    except Unavailable as error:
        unavailable("userland", error)


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs in C and C++ (references/programs.py)."""
    from references.programs import build

    return once(tmp_path_factory, "here", build)


@pytest.fixture(scope="session")
def arm(aarch64: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same programs for 64-bit ARM."""
    from references.programs import cross

    return once(tmp_path_factory, "arm", lambda folder: cross(folder, "aarch64"))


@pytest.fixture(scope="session")
def s390x(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same programs for IBM Z, whose bytes are in the other order."""
    from references.programs import cross

    lane("s390x")
    return once(tmp_path_factory, "s390x", lambda folder: cross(folder, "s390x"))


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of some of them that stop at the first wrong address or undefined behaviour."""
    from references.programs import sanitised

    targets = ("hostile", "damaged", "threads", "decode", "random_streams")
    return once(tmp_path_factory, "watched", lambda folder: sanitised(folder, "address,undefined", *targets))


@pytest.fixture(scope="session")
def replays(watched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the fuzz targets, watched likewise, as programs that run over files."""
    from references.programs import FUZZERS, sanitised

    once(tmp_path_factory, "watched", lambda folder: sanitised(folder, "address,undefined", *FUZZERS))
    return watched.parents[2] / "fuzz"


@pytest.fixture(scope="session")
def arm_replays(arm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same programs for 64-bit ARM, not watched."""
    from references.programs import FUZZERS, cross

    once(tmp_path_factory, "arm", lambda folder: cross(folder, "aarch64", targets=FUZZERS))
    return arm.parents[2] / "fuzz"


@pytest.fixture(scope="session")
def valgrind() -> Path:
    """The program, or skips the test."""
    return lane("valgrind")


def once(tmp_path_factory: pytest.TempPathFactory, name: str, build: Callable[[Path], Path]) -> Path:
    """Build in a folder of all workers, one after the other, so that only the first has something to do."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return build(shared / name)
