"""The programs of hostile/, run as anybody runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "hostile"


def campaign(program: str, file: Path, *options: str | Path) -> dict[str, Any]:
    """What a program of hostile/ counted, without sanitizers; it must have found nothing wrong."""
    command = (sys.executable, FOLDER / program, *options, "--plain", "--json", file)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(file.read_text())
