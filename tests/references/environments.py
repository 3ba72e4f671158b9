"""Virtual environments with a wheel of licrt, as users make them: no compiler, and nothing of the checkout."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    folder: Path
    path: str = ""  # where programs are found beside those of the environment

    def run(self, program: str, *arguments: str | Path) -> str:
        """What a program of the environment prints; it must succeed."""
        return call(self.folder / "bin" / program, *arguments, path=self.path)

    def pip(self, *arguments: str | Path) -> str:
        return self.run("python", "-m", "pip", "--disable-pip-version-check", *arguments)


def create(python: Path, folder: Path, *requirements: str | Path, path: str = "") -> Environment:
    """Make an environment and install into it, wheels only but for files that are named."""
    call(python, "-m", "venv", folder, path=path)
    environment = Environment(folder, path)
    environment.pip("install", "--quiet", "--prefer-binary", *requirements)
    return environment


def call(*command: str | Path, path: str) -> str:
    """What a command prints that sees neither compilers, unless they are on the path, nor this process's Python."""
    hidden = ("PYTHON", "LICRT_", "VIRTUAL_ENV")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    without = {} if path else {"CC": "/bin/false", "CXX": "/bin/false"}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=clean | without | {"PATH": path or "/nowhere"}
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout
