"""What starting `lic-eval` costs, and what is said where a package is missing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from licrt.evaluation.cli import COMMANDS

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("numpy", "PIL", "scipy", "matplotlib", "jinja2", "bjontegaard", "onnxruntime", "ray", "torch", "onnx")
RUN = "from licrt.evaluation.cli import main\nmain(standalone_mode=False)"


def run(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    probe = f"import sys\n{RUN}\nprint(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)"
    done = run(probe, *arguments)
    assert (done.returncode, done.stderr.split()) == (0, [])
    assert done.stdout.startswith(("Usage: ", "lic-eval "))


def test_measuring_loads_no_training_stack(pictures: Path) -> None:
    probe = f"import sys\n{RUN}\nprint(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)"
    done = run(probe, "rd", "set", "-o", "out")
    assert done.returncode == 0
    assert set(done.stderr.split()) == {"numpy", "PIL", "scipy", "onnxruntime"}


@pytest.mark.parametrize(("package", "arguments"), [("scipy", []), ("ray", ["--ray", "local"])])
def test_missing_packages_are_5_in_one_line(pictures: Path, package: str, arguments: list[str]) -> None:
    done = run(f"import sys\nsys.modules[{package!r}] = None\n{RUN}", "rd", "set", "-o", "out", *arguments)
    extra = "ray" if package == "ray" else "eval"
    assert done.returncode == 5
    assert done.stderr.endswith(f"Run: pip install 'licrt[{extra}]'\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("module", ["click", "licrt.evaluation.cli.rd", "numpy", "onnxruntime", "scipy"])
def test_interrupts_while_modules_are_loaded_are_130(module: str, pictures: Path) -> None:
    """The interrupt comes from within, at the moment when the module is looked for."""
    code = f"""
import os, signal, sys
class Interrupt:
    def find_spec(self, name, *rest):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
sys.argv = ["lic-eval", "rd", "set", "-o", "out"]
from licrt.evaluation.__main__ import main
main()
"""
    done = run(code)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "lic-eval: interrupted\n")
