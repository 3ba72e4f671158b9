from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from licrt.runtime.errors import BackendError
from licrt.trainer import tensorboard

if TYPE_CHECKING:
    from pathlib import Path


def test_records_are_read_back(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write, close = tensorboard.open_tensorboard(tmp_path, 0, "auto")
    write({"step": 3, "loss": 0.5})
    write({"step": 3, "validation_psnr": 30.0})
    close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("train/loss")] == [(3, 0.5)]
    assert [(event.step, event.value) for event in events.Scalars("validation/psnr")] == [(3, 30.0)]


def test_never_writes_nothing(tmp_path: Path) -> None:
    write, close = tensorboard.open_tensorboard(tmp_path, 0, "never")
    write({"step": 3, "loss": 0.5})
    close()
    assert not [*tmp_path.iterdir()]


def test_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "find_spec", lambda _: None)
    with pytest.raises(BackendError, match=r"is not installed\. Run: pip install tensorboard"):
        tensorboard.open_tensorboard(tmp_path, 0, "always")
    tensorboard.open_tensorboard(tmp_path, 0, "auto")[0]({"step": 1, "loss": 0.5})
    assert not [*tmp_path.iterdir()]
