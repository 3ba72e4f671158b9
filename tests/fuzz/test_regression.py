"""The fuzz targets over their corpora, and over what once failed, under gcc's sanitizers and without libFuzzer."""

from __future__ import annotations

import importlib.util
import subprocess

import pytest
from references.programs import FUZZERS, ROOT, qemu, run

from licrt.runtime._native import ContextModel, Network
from licrt.runtime.errors import LicrtError

FUZZ = ROOT / "fuzz"
TARGETS = [program.removeprefix("fuzz_") for program in FUZZERS]


def folders(target):
    """What is kept of a target: its corpus, and its regressions if it has some."""
    found = [FUZZ / kind / target for kind in ("corpus", "regressions")]
    return [folder for folder in found if folder.exists()]


def inputs(target):
    return [path for folder in folders(target) for path in sorted(folder.iterdir())]


@pytest.fixture(scope="module")
def readers():
    spec = importlib.util.spec_from_file_location("readers", FUZZ / "readers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_of_a_native_target(target, replays):
    assert run(replays / f"fuzz_{target}", *folders(target)) == f"{len(inputs(target))} inputs\n"


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_of_a_native_target_on_arm(target, arm_replays):
    """Targets compare all sets of kernels: NEON and dot products see every input, too."""
    printed = run(*qemu("aarch64"), arm_replays / f"fuzz_{target}", *folders(target))
    assert printed == f"{len(inputs(target))} inputs\n"


def test_a_replay_fails_where_there_is_nothing(replays, tmp_path):
    for arguments in ((), (tmp_path,), (tmp_path / "missing",)):
        assert subprocess.run([replays / "fuzz_network", *arguments], capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize(("target", "front", "load"), [("network", 10, Network), ("context", 9, ContextModel)])
def test_corpora_of_blobs_hold_good_and_bad_ones(target, front, load):
    good = 0
    for path in inputs(target):
        try:
            load(path.read_bytes()[front:], "scalar")
            good += 1
        except LicrtError:
            pass
    assert 10 < good < len(inputs(target)) - 10


@pytest.mark.parametrize("path", inputs("readers"), ids=lambda path: path.name[:40])
def test_readers_let_nothing_out_but_their_own_errors(path, readers):
    readers.one_input(path.read_bytes())


def test_the_corpus_of_readers_holds_good_and_bad_ones(readers):
    good = dict.fromkeys(readers.KINDS, 0)
    for path in inputs("readers"):
        data = path.read_bytes()
        try:
            readers.KINDS[data[:1]](data[1:])
            good[data[:1]] += 1
        except (LicrtError, KeyError):  # some begin with none of the three
            pass
    assert 10 < sum(good.values()) < len(inputs("readers")) - 10
    assert min(good.values()) > 5


def test_corpora_are_small():
    sizes = [path.stat().st_size for path in FUZZ.glob("corpus/*/*")]
    assert sum(sizes) <= 2_000_000
    assert max(sizes) <= 20_000


def test_without_clang_make_says_what_to_install(tmp_path):
    call = ["make", "-C", ROOT, "fuzz", f"CLANG={tmp_path / 'clang'}", "VENV=/nonexistent", "VENV_FUZZ=/nonexistent"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "this needs Debian's packages clang and libclang-rt-dev" in done.stdout
