"""The programs of hostile/, run as anybody runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "hostile"


def write_models(folder: Path) -> list[Path]:
    """Writes the bundles that `make hostile` changes into a new folder, and returns their directories."""
    subprocess.run([sys.executable, FOLDER / "models.py", folder], check=True)
    return sorted(folder.iterdir())


def campaign(program: str, file: Path, *options: str | Path) -> dict[str, Any]:
    """What a program of hostile/ counted, without sanitizers; it must have found nothing wrong."""
    command = (sys.executable, FOLDER / program, *options, "--plain", "--json", file)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(file.read_text())
