"""TensorBoard's files, where it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from licrt.runtime.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FOLDER = "tensorboard"


def open_tensorboard(
    folder: Path, step: int, wanted: str
) -> tuple[Callable[[Mapping[str, float]], None], Callable[[], None]]:
    """Open the files of a run; returns what writes a record, and what closes them.

    Args:
        folder: of the run; the files are in its subfolder ``tensorboard``.
        step: what they have of later steps is no longer shown.
        wanted: ``auto``, ``always`` or ``never``.

    Raises:
        BackendError: it is wanted always, and is not installed.
    """
    installed = find_spec("tensorboard") is not None
    if wanted == "always" and not installed:
        raise BackendError("tensorboard=always, and it is not installed. Run: pip install tensorboard")
    if wanted == "never" or not installed:
        return lambda _: None, lambda: None
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder / FOLDER), purge_step=step + 1)

    def write(record: Mapping[str, float]) -> None:
        for name, value in record.items():
            if name != "step":
                kind, _, short = name.partition("_") if name.startswith("validation_") else ("train", "", name)
                writer.add_scalar(f"{kind}/{short}", value, int(record["step"]))
        writer.flush()

    return write, writer.close
