"""The record of a run: JSON lines and CSV, one record a line, each with its step."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from licrt.runtime.errors import PictureError
from licrt.runtime.files import write_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

JSON_LINES, CSV = "metrics.jsonl", "metrics.csv"

Record = dict[str, float]


@dataclass(frozen=True)
class Metrics:
    """The two files of a run.

    Attributes:
        folder: where they are.
        columns: of the CSV file, after the step; a record lacks those of the other kind.
    """

    folder: Path
    columns: Sequence[str]

    def append(self, record: Mapping[str, float]) -> None:
        """Add a record at the end.

        Raises:
            PictureError: it cannot be written.
        """
        for name, line in ((JSON_LINES, json.dumps(record) + "\n"), (CSV, self._row(record))):
            try:
                with (self.folder / name).open("a", encoding="utf-8") as file:
                    file.write(line)
            except OSError as error:
                raise PictureError(f"cannot write {self.folder / name}: {error.strerror}") from error

    def keep_until(self, step: int) -> None:
        """Keep the records up to a step only, because a resumed run takes the later steps again; there may be none.

        Raises:
            PictureError: it cannot be written.
        """
        path = self.folder / JSON_LINES
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        # A killed run may have left half a line; that is of a step after the last training state.
        kept = [line for line in lines if line.endswith("}\n") and json.loads(line)["step"] <= step]
        write_file(str(path), "".join(kept).encode(), force=True)
        rows = [
            self._row(dict(zip(self._header, self._header, strict=True))),
            *(self._row(json.loads(r)) for r in kept),
        ]
        write_file(str(self.folder / CSV), "".join(rows).encode(), force=True)

    @property
    def _header(self) -> list[str]:
        return ["step", *self.columns]

    def _row(self, record: Mapping[str, object]) -> str:
        text = io.StringIO()
        csv.DictWriter(text, self._header, extrasaction="ignore", lineterminator="\n").writerow(record)
        return text.getvalue()
