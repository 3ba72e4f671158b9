"""What training runs leave in their folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.numpy import load_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TIMES = {"seconds", "images_per_second"}


def records(folder: str | Path) -> list[dict[str, Any]]:
    """Records of a run, without the times."""
    lines = (Path(folder) / "metrics.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key not in TIMES} for line in lines]


def last_model(folder: str | Path) -> dict[str, NDArray[np.generic]]:
    """Tensors of the last model of a run."""
    return load_file(Path(folder) / "last.safetensors")


def same_models(first: str | Path, second: str | Path) -> bool:
    """Whether two runs ended with the same tensors."""
    one, other = last_model(first), last_model(second)
    return one.keys() == other.keys() and all((one[key] == other[key]).all() for key in one)
