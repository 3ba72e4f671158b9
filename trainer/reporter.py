"""Where a run tells what it finds: files of metrics, TensorBoard, and lines for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from licrt.trainer.metrics import Metrics
from licrt.trainer.tensorboard import open_tensorboard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from licrt.trainer.state import TrainingState

TRAINING = (
    "loss", "bpp", "mse", "psnr", "gradient_norm", "aux_loss", "learning_rate", "images_per_second", "seconds",
)  # fmt: skip


class Reporter:
    """Writes each record everywhere, and says each picture's fault once.

    Args:
        folder: of the run.
        columns: what validations measure.
        tensorboard: as in a recipe.
        state: of the run; what the files have of later steps is dropped. Only the leading process records, the others
            say what they could not read.
        say: called with a line.
    """

    def __init__(
        self, folder: Path, columns: Sequence[str], tensorboard: str, state: TrainingState, say: Callable[[str], None]
    ) -> None:
        self._say = say
        self._writes = state.processes.leads
        self._reported: set[Path] = set()
        if self._writes:
            self._metrics = Metrics(folder, (*TRAINING, *columns))
            self._metrics.keep_until(state.step)
            self._tensorboard, self._close = open_tensorboard(folder, state.step, tensorboard)

    def close(self) -> None:
        """Close TensorBoard's files; records were written one by one."""
        if self._writes:
            self._close()

    def unusable(self, pictures: Mapping[Path, str]) -> None:
        """Say why these pictures are not used, unless it has been said."""
        for path, reason in pictures.items():
            if path not in self._reported:
                self._say(f"skipped: {reason}")
        self._reported |= pictures.keys()

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Record what was measured at a step."""
        if not self._writes:
            return
        record = {"step": step, **values}
        self._metrics.append(record)
        self._tensorboard(record)
        self._say(f"step {step}: " + ", ".join(f"{name} {value:.4g}" for name, value in values.items()))


def psnr(mse: float) -> float:
    """Peak signal-to-noise ratio in dB for a mean squared error of values in 0…1.

    >>> psnr(0.01)
    20.0
    """
    return -10 * math.log10(max(mse, 1e-12))
