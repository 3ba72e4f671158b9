"""Ray Data gives what processes give."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from references.sets import write_pictures

from licrt.evaluation.storage import read_results

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder `set` with more pictures than two actors get at once, one of them damaged."""
    monkeypatch.chdir(tmp_path)
    folder = write_pictures(tmp_path / "set", 20)
    (folder / "7.png").write_bytes((folder / "7.png").read_bytes()[:200])


def test_actors_give_what_processes_give(ray: None, several: None, lic_eval_alone: Callable) -> None:
    options = ["rd", "set", "--threads", "1", "-j", "2"]
    ours, theirs = lic_eval_alone(*options, "-o", "ours"), lic_eval_alone(*options, "-o", "theirs", "--ray", "local")
    assert (ours.returncode, theirs.returncode) == (1, 1), theirs.stderr
    (first,), (second,) = (read_results(f"{output}/licrt2026-mse.json").points for output in ("ours", "theirs"))
    assert len(first.images) == 19
    for one, other in zip(first.images, second.images, strict=True):
        assert {**vars(one), "encode": 0, "decode": 0} == {**vars(other), "encode": 0, "decode": 0}
        assert one.encode.keys() == other.encode.keys()
        assert all(seconds > 0 for seconds in [*other.encode.values(), *other.decode.values()])
    assert first.failures == second.failures
    streams = [sorted(path for path in Path(output).rglob("*.lci")) for output in ("ours", "theirs")]
    assert [path.read_bytes() for path in streams[0]] == [path.read_bytes() for path in streams[1]]


def test_no_cluster_is_5_in_one_line(ray: None, several: None, lic_eval_alone: Callable) -> None:
    outcome = lic_eval_alone("rd", "set", "-o", "out", "--ray", "auto")
    assert outcome.returncode == 5
    assert "no Ray cluster at auto" in outcome.stderr.splitlines()[-1]
