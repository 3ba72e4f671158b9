"""Workers that crash, hang or sleep: each seed has its outcome, and the others are not lost."""

from __future__ import annotations

import sys

import pytest
from references.hostile import FOLDER

sys.path.insert(0, str(FOLDER))
from watch import WorkerError, watch

WORKER = """
import argparse, ctypes, json, os, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--first", type=int)
parser.add_argument("--last", type=int)
options = parser.parse_args()
print("ready", flush=True)
for seed in range(options.first, options.last):
    if seed == 2:
        ctypes.string_at(0)
    if seed == 4:
        print("ERROR: on purpose", file=sys.stderr)
        os._exit(7)
    while seed == 6:
        pass
    if seed == 8:
        time.sleep(1000)
    print(json.dumps({"seed": seed, "outcome": "fine"}), flush=True)
"""


def run(worker, *, cpu=0.5, wall=3.0):
    return list(watch((sys.executable, "-c", worker), range(10), cpu_seconds=cpu, wall_seconds=wall, env={}))


def test_every_seed_has_an_outcome():
    records = run(WORKER)
    assert [record["seed"] for record in records] == list(range(10))
    outcomes = {record["seed"]: record["outcome"] for record in records if record["outcome"] != "fine"}
    assert outcomes == {2: "crash", 4: "crash", 6: "hang", 8: "hang"}
    assert "-11" in records[2]["detail"]
    assert "exit code 7: ERROR: on purpose" in records[4]["detail"]


def test_a_worker_that_does_not_start_is_an_error():
    with pytest.raises(WorkerError, match="No module named 'nowhere'"):
        run("import nowhere")
