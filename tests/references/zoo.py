"""A zoo of one model, whose file is not the published one."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from licrt.export import zoo

if TYPE_CHECKING:
    from pathlib import Path


def write_manifest(directory: Path, body: bytes, digits: int = 8, **changes: object) -> None:
    """The shipped manifest of one model, for another file."""
    content = json.loads((zoo.SHIPPED / "bmshj2018-factorized-mse-1.json").read_text())
    digest = hashlib.sha256(body).hexdigest()[:digits]
    content |= {"root": "http://127.0.0.1:1/", "file": f"tiny-1-{digest[:8]}.pth.tar", "sha256_prefix": digest}
    directory.mkdir(exist_ok=True)
    (directory / "bmshj2018-factorized-mse-1.json").write_text(json.dumps(content | changes))
