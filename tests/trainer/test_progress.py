from __future__ import annotations

import os
import pty
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from licrt.trainer.progress import open_progress

if TYPE_CHECKING:
    import pytest


def test_a_terminal_shows_values_and_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        with open_progress(lambda line: print(line, file=stderr), 4, 10, shown=True) as (say, show):
            show(7, {"loss": 0.12345})
            say("something happened")
            show(10, {"loss": 0.25, "PSNR": 31.0})
    shown = ""
    with suppress(OSError), os.fdopen(controller, newline="") as screen:  # at the end of what the terminal got
        while part := screen.read(1):
            shown += part
    assert "\r\033[Ksomething happened\r\n" in shown
    assert "10/10" in shown
    assert "loss 0.25  PSNR 31" in shown


def test_elsewhere_there_are_lines_only(capfd: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    with open_progress(lines.append, 0, 2, shown=False) as (say, show):
        show(1, {"loss": 0.5})
        say("something happened")
    assert lines == ["something happened"]
    assert capfd.readouterr() == ("", "")
