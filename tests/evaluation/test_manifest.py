"""Manifests: what is there after a run was killed, and what is refused."""

from __future__ import annotations

import json
import resource
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from licrt.evaluation.manifest import NAME, Manifest, Record
from licrt.evaluation.results import ImageResult
from licrt.evaluation.storage import ResultsError
from licrt.runtime.errors import PictureError

if TYPE_CHECKING:
    from pathlib import Path

CONDITIONS = {"threads": 1, "versions": {"licrt": "1"}}
TIMES = {"total": 0.5}


def record(file: str, size: int = 10) -> Record:
    image = ImageResult(file, 4, 5, size, 30.0, 31.0, None, TIMES, TIMES, f"streams/{file}.lci")
    return Record("ab" * 16, "licrt2026-mse", None, 100, 12345, "cd" * 32, image)


def begin(folder: Path, *records: Record, force: bool = False) -> Manifest:
    manifest = Manifest(folder, CONDITIONS, force=force)
    for each in records:
        manifest.add(each)
    return manifest


def test_records_are_there_again(tmp_path: Path) -> None:
    first, second = record("a.png"), record("sub/\udcff.png")
    begin(tmp_path, first).close()
    begin(tmp_path, second).close()
    with closing(begin(tmp_path)) as manifest:
        assert list(manifest.records.values()) == [first, second]
    assert (tmp_path / NAME).read_bytes().count(b"\n") == 3


def test_records_are_on_disk_before_add_returns(tmp_path: Path) -> None:
    with closing(begin(tmp_path, record("a.png"))):
        lines = (tmp_path / NAME).read_text().splitlines()
        assert json.loads(lines[1])["image"]["file"] == "a.png"


def test_the_later_record_holds(tmp_path: Path) -> None:
    begin(tmp_path, record("a.png", 10), record("a.png", 20)).close()
    with closing(begin(tmp_path)) as manifest:
        assert [each.image.bytes for each in manifest.records.values()] == [20]


def test_half_a_line_is_dropped_wherever_it_ends(tmp_path: Path) -> None:
    path = tmp_path / NAME
    begin(tmp_path, record("a.png"), record("b.png")).close()
    whole = path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    for cut in sorted({*range(0, len(whole), 23), *(end + shift for end in ends for shift in (-2, -1, 0))}):
        path.write_bytes(whole[:cut])
        with closing(begin(tmp_path)) as manifest:
            assert len(manifest.records) == max(0, sum(end <= cut for end in ends) - 1)
            manifest.add(record("c.png"))
        with closing(begin(tmp_path)) as manifest:
            assert record("c.png").key in manifest.records


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with closing(begin(tmp_path)):
        with pytest.raises(PictureError, match=r"another run is writing to .*\. Wait for it"):
            begin(tmp_path)
        with pytest.raises(PictureError, match="another run is writing"):
            begin(tmp_path, force=True)
    begin(tmp_path).close()


def test_other_conditions_are_refused_by_name(tmp_path: Path) -> None:
    begin(tmp_path, record("a.png")).close()
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(PictureError, match=r"other conditions \(threads was 1, is 2; more was None, is 3\)") as caught:
        Manifest(tmp_path, {**CONDITIONS, "threads": 2, "more": 3}, force=False)
    assert "-f to begin anew" in str(caught.value)
    assert (tmp_path / NAME).read_bytes() == before


def test_force_begins_anew(tmp_path: Path) -> None:
    begin(tmp_path, record("a.png")).close()
    with closing(Manifest(tmp_path, {"threads": 2}, force=True)) as manifest:
        assert manifest.records == {}
    assert json.loads((tmp_path / NAME).read_text())["licrt"]["conditions"] == {"threads": 2}


@pytest.mark.parametrize(
    "line",
    [b"{}", b"nonsense", b"[]", b"null", b'{"licrt": {"manifest": 2, "conditions": {}}}', b"\xff", b"[" * 100_000],
)
@pytest.mark.parametrize("number", [0, 1])
def test_damage_is_no_reason_to_measure_again(tmp_path: Path, line: bytes, number: int) -> None:
    begin(tmp_path, record("a.png")).close()
    path = tmp_path / NAME
    lines = path.read_bytes().splitlines()
    lines[number] = line
    path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(ResultsError, match=r"manifest.jsonl is damaged \(.*\)\. Name another folder"):
        begin(tmp_path)
    begin(tmp_path, force=True).close()


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """The limit of a process on its files stands in for a full disk: a write stops short at it."""
    with closing(begin(tmp_path, record("a.png"))) as manifest:
        size = (tmp_path / NAME).stat().st_size
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, limits[1]))
        try:
            with pytest.raises(PictureError, match=r"cannot write .*manifest.jsonl"):
                manifest.add(record("b.png"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert (tmp_path / NAME).stat().st_size == size
        assert record("b.png").key not in manifest.records
        manifest.add(record("b.png"))
    with closing(begin(tmp_path)) as manifest:
        assert len(manifest.records) == 2


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"cannot write .*manifest.jsonl: No such file"):
        begin(tmp_path / "nowhere")
