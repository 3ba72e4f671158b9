"""The matrix: what ran and agrees is counted, what differs is named and fails, what did not run is said."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from conformance import lanes, matrix
from conformance.lanes import Failed, Lane, NotRun, python_lane
from conformance.observe import STREAMS, Options, encode_pictures, observe, read_expected, write_expected


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """Streams that this machine encoded, in a folder of the name that the matrix gives it."""
    folder = tmp_path_factory.mktemp("encoded") / "good_one"
    write_expected(folder, encode_pictures(Options(None, 1, "all"), folder))
    return folder


@pytest.fixture(scope="module")
def observation(encoded):
    """What this machine makes of all streams."""
    return observe(Options(None, 1, "all"), [STREAMS, encoded])


@pytest.fixture
def report(monkeypatch, tmp_path, capsys, observation, encoded):
    """Runs the matrix over lanes that give the observation, or a change of it; gives exit code, output, complaints."""

    def call(*arguments: str, **changes) -> tuple[int, str, str]:
        def lane(name: str, change) -> Lane:
            def decode(work, folders):
                result = json.loads(json.dumps(observation))
                change(result)
                return result

            def encode(work, folder):
                folder.symlink_to(encoded)

            return Lane(name, decode, encode if name == "good one" else None)

        columns = [lane("good one", lambda result: None)]
        columns += [lane(name.replace("_", " "), change) for name, change in changes.items()]
        monkeypatch.setattr(matrix, "WORK", tmp_path)
        monkeypatch.setattr(matrix, "all_lanes", lambda: [("here", each) for each in columns])
        monkeypatch.setattr(sys, "argv", ["matrix", *arguments])
        code = matrix.main()
        return code, *capsys.readouterr()

    return call


def rows(printed: str) -> dict[str, list[str]]:
    """The cells of the table, by row."""
    return {words[0]: words[1:] for line in printed.splitlines() if (words := line.split())}


def test_all_equal(report) -> None:
    code, printed, _ = report(other_one=lambda result: None)
    assert code == 0
    table = rows(printed)
    assert table["bls2017"] == ["7+5", "7"]
    assert table["mbt2018-vbr"] == ["15+13", "15"]
    assert printed.endswith("0 differences\n")


def wrong_latents(result) -> None:
    result["streams"]["streams"]["mbt2018/wine"]["latents"]["sha256"] = "0" * 64


def wrong_pixels(result) -> None:
    result["streams"]["good_one"]["bls2017/column"]["pixels"] = 2


def wrong_code(result) -> None:
    result["refused"]["empty.lci"]["exit_code"] = 0


def lost_stream(result) -> None:
    del result["streams"]["streams"]["bls2017/pixel"]


@pytest.mark.parametrize(
    ("change", "row", "cells", "line"),
    [
        (wrong_latents, "mbt2018", ["7+5", "6/7"], "mbt2018/wine, decoded by bad one: other latents"),
        (wrong_pixels, "bls2017", ["7+4/5", "7"], "encoded by good one, decoded by bad one: pixels differ by 2 levels"),
        (wrong_code, "refused", None, "refused/empty.lci, decoded by bad one: exit code 0, expected 3 (cut)"),
        (lost_stream, "bls2017", ["7+5", "6/7"], "bls2017/pixel, decoded by bad one: was not decoded"),
    ],
)
def test_a_difference_is_named_and_fails(report, change, row: str, cells, line: str) -> None:
    code, printed, _ = report(bad_one=change)
    assert code == 1
    assert line in printed
    assert "1 differences" in printed
    if cells:
        assert rows(printed)[row] == cells
    report_code, as_json, _ = report("--json", bad_one=change)
    assert report_code == 1
    assert line in json.loads(as_json)["differences"][0]


def raising(error: Exception):
    def change(result) -> None:
        raise error

    return change


def test_a_lane_without_its_tools_is_said_and_may_be_required(report) -> None:
    absent = {"absent_one": raising(NotRun("no emulator is here; install one"))}
    code, printed, _ = report(**absent)
    assert code == 0
    assert "absent one" in printed
    assert "not run: no emulator is here; install one" in printed
    assert rows(printed)["bls2017"] == ["7+5", "-"]
    code, _, complaint = report("--require", "absent", **absent)
    assert code == 1
    assert complaint.endswith("absent one is required, and did not run: no emulator is here; install one\n")
    assert report("--require", "good", **absent)[0] == 0


def test_a_lane_that_fails_is_an_error(report) -> None:
    code, printed, _ = report(failing_one=raising(Failed("python ended with 139")))
    assert code == 1
    assert "FAILED: python ended with 139" in printed


def test_unknown_lanes_are_usage_errors(report, capsys) -> None:
    for option in ("--only", "--require"):
        with pytest.raises(SystemExit) as caught:
            report(option, "vax")
        assert caught.value.code == 2
        assert "no lane is called vax" in capsys.readouterr().err


def test_names_of_lanes_are_distinct() -> None:
    names = [lane.name for _, lane in lanes.all_lanes()]
    assert len(set(names)) == len(names) > 10


def test_a_python_that_fails_is_a_failed_lane(tmp_path) -> None:
    lane = python_lane("here", lambda work: (sys.executable,), "--kernels", "sse9")
    with pytest.raises(Failed, match=r"sse9.*is not available here"):
        lane.decode(tmp_path, [STREAMS])
    with pytest.raises(Failed):
        replace(lane).encode(tmp_path, tmp_path / "new")
    assert len(read_expected(STREAMS)) > 100
