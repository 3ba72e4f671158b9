"""Exports that are killed: the bundle is the old one, the new one or none."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Children of one process, since loading PyTorch takes seconds; each dies before the step of its number.
PROGRAM = """
import os, shutil, signal, sys
from pathlib import Path
from licrt.export.bundle import _write
from licrt.runtime.models import EMBEDDED

root = Path(sys.argv[1])
files = {path.name: path.read_bytes() for path in (EMBEDDED / "default").iterdir()}

def attempt(output, step):
    left = step
    def watch(event, arguments):
        nonlocal left
        steps = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir")
        if event in steps and str(root) in str(arguments):
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
    child = os.fork()
    if child == 0:
        sys.addaudithook(watch)
        _write(output, files)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

for old in (False, True):
    for step in range(200):
        shutil.rmtree(root)
        output = root / "bundle"
        root.mkdir()
        if old:
            output.mkdir()
            (output / "manifest.json").write_bytes(b"old")
        code = attempt(output, step)
        found = {path.name: path.read_bytes() for path in output.iterdir()} if output.exists() else None
        known = {"new": files, "old": {"manifest.json": b"old"}, "nothing": None}
        state = next((name for name, value in known.items() if value == found), "?")
        others = {path.name for path in root.iterdir()} - {"bundle"}
        hidden = all(name.startswith(".licrt-") and name.endswith(".tmp") for name in others)
        print(old, code, state, hidden)
        if code == 0:
            print(len(others))
            break
"""


def test_an_export_that_is_killed_at_any_step_leaves_the_old_bundle_the_new_one_or_none(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(tmp_path / "root")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    ends = [line for line in lines if len(line) == 1]
    runs = [line for line in lines if len(line) == 4]
    assert ends == [["0"], ["0"]]  # runs that are not killed leave no temporary files
    assert {state for old, _, state, _ in runs if old == "False"} == {"nothing", "new"}
    assert {state for old, _, state, _ in runs if old == "True"} <= {"old", "nothing", "new"}
    assert sum(state == "nothing" for old, _, state, _ in runs if old == "True") <= 1  # between two renames
    assert {hidden for *_, hidden in runs} == {"True"}
    assert len(runs) > 20
