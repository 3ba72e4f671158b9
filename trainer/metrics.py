"""The record of a run: JSON lines, one record a line, each with its step."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from licrt.runtime.errors import PictureError
from licrt.runtime.files import write_file

if TYPE_CHECKING:
    from pathlib import Path


def append_record(path: Path, record: dict[str, float]) -> None:
    """Add one record at the end of the file.

    Raises:
        PictureError: it cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
    except OSError as error:
        raise PictureError(f"cannot write {path}: {error.strerror}") from error


def drop_records_after(path: Path, step: int) -> None:
    """Keep the records up to a step only, because a resumed run takes the later steps again; the file may be missing.

    Raises:
        PictureError: it cannot be written.
    """
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    # A killed run may have left half a line; that is of a step after the last training state.
    kept = [line for line in lines if line.endswith("}\n") and json.loads(line)["step"] <= step]
    write_file(str(path), "".join(kept).encode(), force=True)
