"""The conformance files are those that were written once, and what README.md promises of them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys

import pytest

from conformance.compare import read_refused
from conformance.making import sums
from conformance.observe import MODELS, REFUSED, STREAMS, read_expected
from licrt.runtime.container import read_info
from licrt.trainer.models import ARCHITECTURES

MAX_BYTES = 300_000


def test_every_file_is_the_one_that_was_written() -> None:
    assert sums.wrong() == []


@pytest.mark.parametrize(
    "name", ["streams/mbt2018/mountain.lci", "streams/expected.json", "models/bls2017/manifest.json"]
)
def test_a_changed_file_is_found(name: str, tmp_path) -> None:
    copy = tmp_path / "conformance"
    shutil.copytree(sums.HERE, copy)
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    assert sums.wrong(copy) == [name]


def test_lost_and_added_files_are_found(tmp_path) -> None:
    copy = tmp_path / "conformance"
    shutil.copytree(sums.HERE, copy)
    (copy / "refused" / "empty.lci").unlink()
    (copy / "models" / "more").touch()
    assert sums.wrong(copy) == ["models/more", "refused/empty.lci"]
    with pytest.raises(SystemExit, match=r"refused/empty\.lci is not what it was"):
        sums.add(copy)


def test_nothing_is_written_again() -> None:
    command = [sys.executable, "-m", "conformance.make"]
    done = subprocess.run(command, cwd=sums.HERE.parent, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "pictures exists; conformance files are written once" in done.stderr
    assert sums.wrong() == []


def test_every_architecture_is_there() -> None:
    assert {path.name for path in MODELS.iterdir()} == set(ARCHITECTURES)
    assert {name.partition("/")[0] for name in read_expected(STREAMS)} == set(ARCHITECTURES)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_models_are_tiny(arch: str) -> None:
    assert sum(path.stat().st_size for path in (MODELS / arch).iterdir()) <= MAX_BYTES


def test_entries_are_of_the_files_that_are_there() -> None:
    entries = read_expected(STREAMS)
    assert set(entries) == {f"{path.parent.name}/{path.stem}" for path in STREAMS.glob("*/*.lci")}
    for name, entry in entries.items():
        data = (STREAMS / f"{name}.lci").read_bytes()
        assert (entry["stream"], entry["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
        assert (STREAMS / name).with_name(entry["picture"]).exists()
    assert set(read_refused()) == {path.name for path in REFUSED.glob("*.lci")}


def test_streams_are_of_many_kinds() -> None:
    infos = {name: read_info((STREAMS / f"{name}.lci").read_bytes()) for name in read_expected(STREAMS)}
    for arch in ARCHITECTURES:
        mine = [info for name, info in infos.items() if name.startswith(f"{arch}/")]
        assert {1, 2, 4} <= {section.lanes for info in mine for section in info.sections if section.type == 1}
        assert {1} < {info.width for info in mine}
        assert any(info.width % 16 and info.height % 16 for info in mine)
        assert len({info.rate_point for info in mine}) >= (3 if arch.endswith("-vbr") else 1)
    types = {section.type for info in infos.values() for section in info.sections}
    assert {1, 2, 64, 65, 66} < types
    assert max(types) >= 128
    assert {info.version for info in infos.values()} > {(0, 1)}


def test_files_are_refused_for_many_reasons() -> None:
    entries = read_refused().values()
    assert {entry["exit_code"] for entry in entries} == {3, 4, 6}
    assert {"cut", "header", "payload", "version", "section", "limit", "coder", "latents", "model"} <= {
        entry["reason"] for entry in entries
    }
