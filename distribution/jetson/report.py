"""Tries licrt on this machine step by step, and writes everything into one JSON file. Called by run.sh.

A step that fails does not stop the others: what fails here is what the report is for.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from licrt.runtime.meters.board import board, state

if TYPE_CHECKING:
    from collections.abc import Callable

KIT = Path(__file__).resolve().parent
SECONDS = 1800  # for any step
Step = dict[str, object]


def main() -> int:
    """Run every step; the exit code is 1 if one failed."""
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("licrt-jetson-report.json"), help="default: %(default)s")
    parser.add_argument("--picture", type=Path, default=KIT / "photo.webp", help="what `lic-run bench` measures")
    parser.add_argument("--repeat", type=int, default=10, help="how often it does (default: %(default)s)")
    arguments = parser.parse_args()
    stream, picture = str(KIT / "golden.lci"), str(KIT / "golden.png")
    report: dict[str, object] = {
        "report_version": 1,
        "kit": KIT.name,
        "begun": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "board": board(),
        "before": state(),
    }
    bench = ("bench", str(arguments.picture), "--json", "--repeat", str(arguments.repeat))
    steps = {
        "doctor": lambda: lic_run("doctor"),
        "golden": lambda: with_json(run(sys.executable, str(KIT / "golden.py"), stream, picture)),
        "verify": lambda: lic_run("verify", stream),
        "bench": lambda: with_json(lic_run(*bench)),
    }
    done = {name: show(name, step) for name, step in steps.items()}
    failed = [name for name, step in done.items() if step["exit_code"] != 0]
    report |= {"after": state(), "steps": done, "failed": failed, "ok": not failed}
    arguments.output.write_text(json.dumps(report, indent=2) + "\n")
    print(f"{'FAILED: ' + ', '.join(failed) if failed else 'all is well'}. Please send back {arguments.output}")
    return bool(failed)


def lic_run(*arguments: str) -> Step:
    """Run a command of licrt."""
    return run(sys.executable, "-c", "from licrt.runtime.cli import main; main()", *arguments)


def run(*command: str) -> Step:
    """Run a program; a signal that killed it is a negative exit code, None that it took too long."""
    begin = time.perf_counter()
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS, errors="replace")
    except subprocess.TimeoutExpired:
        code, out, err = None, "", f"no end after {SECONDS} s"
    else:
        code, out, err = done.returncode, done.stdout, done.stderr
    return {"exit_code": code, "seconds": time.perf_counter() - begin, "stdout": out, "stderr": err}


def with_json(step: Step) -> Step:
    """Read what a program printed."""
    try:
        result = json.loads(str(step["stdout"]))
    except ValueError:  # it failed before it printed; the text stays
        return step
    return {**step, "stdout": None, "result": result}


def show(name: str, step: Callable[[], Step]) -> Step:
    """Run a step and say how it went."""
    print(f"{name} …", end=" ", flush=True)
    done = step()
    print(f"{'ok' if done['exit_code'] == 0 else 'FAILED'}, {done['seconds']:.1f} s", flush=True)
    return done


if __name__ == "__main__":
    sys.exit(main())
