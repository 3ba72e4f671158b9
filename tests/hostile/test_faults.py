"""A round of `hostile/faults.py`, and that it would say so if something were wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "hostile"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="this system has no /proc")
def test_a_round_of_faults_leaves_nothing_wrong() -> None:
    command = [sys.executable, "faults.py", "--rounds", "1", "--only", "encode, replacing"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.endswith("\n0 wrong\n")
    rows = [line.split() for line in done.stdout.splitlines() if "every step" in line]
    assert len(rows) == 3
    for row in rows:
        runs, old, new, nothing, temporary, wrong = map(int, row[-6:])
        assert (runs - old - new, nothing, wrong) == (0, 0, 0)
        assert temporary <= 1  # killed between linking and renaming
        assert new >= 1  # the last run comes to its end
        assert runs >= 3


JUDGE = """
import sys
from pathlib import Path
from faults import Tally, Work
folder = Path(sys.argv[1])
work = Work("work", (), "out", old=True)
for target, others in ((b"old", []), (b"new", [".licrt-1.tmp"]), (None, []), (b"o", []), (b"new", ["tmp123"])):
    work.prepare(folder)
    (folder / "out").unlink()
    if target is not None:
        (folder / "out").write_bytes(target)
    for other in others:
        (folder / other).touch()
    tally = Tally()
    print(sorted(tally.judge(work, folder, b"old", b"new").elements()), len(tally.wrong))
"""


def test_faults_are_judged(tmp_path: Path) -> None:
    command = [sys.executable, "-c", JUDGE, str(tmp_path / "folder")]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "['old'] 0",
        "['new', 'temporary'] 0",
        "['nothing'] 0",
        "['WRONG'] 1",
        "['WRONG', 'new'] 1",
    ]
