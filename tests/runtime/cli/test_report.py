"""What batches say on standard error."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stderr

import pytest

from licrt.runtime.cli.report import Done, reporting, say
from licrt.runtime.errors import PictureError


def done(*notes: str) -> Done:
    return Done(2_000_000, 1000, 1000, 500_000, "1,000 bytes", notes)


def fill(count: int = 4, *, quiet: bool = False, verbose: bool = False) -> None:
    with reporting(count, quiet=quiet, verbose=verbose) as report, report.progress(count):
        report.done("a", "a.lci", done("one", "two"), 0.012)
        report.done("b", "b.lci", done("two"), 0.5)
        with report.explained("c.png"):
            raise PictureError("cannot read c.png: No such file or directory")
        with report.explained("-"):
            raise PictureError("not a\npicture")
    assert report.codes == [6, 6]


def test_lines_and_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    fill()
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"time    [\d.]+ s, [\d.]+ megapixels/s", lines.pop(9))
    assert lines == [
        "a -> a.lci  1,000 bytes  12 ms",
        "  a: one",
        "  a: two",
        "b -> b.lci  1,000 bytes  500 ms",
        "lic-run: cannot read c.png: No such file or directory",
        "lic-run: standard input: not a picture",
        "files   2 of 4 done, 2 failed",
        "bytes   4,000,000 -> 2,000",
        "bpp     0.016 over 1.00 megapixels",
        "note    one (1 file)",
        "note    two (2 files)",
        "failed  cannot read c.png: No such file or directory",
        "failed  standard input: not a picture",
    ]


def test_quiet_batches_complain_only(capsys: pytest.CaptureFixture[str]) -> None:
    fill(quiet=True)
    assert capsys.readouterr().err == (
        "lic-run: cannot read c.png: No such file or directory\nlic-run: standard input: not a picture\n"
    )


def test_a_single_file_has_no_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting(1, quiet=False, verbose=False) as report:
        report.done("-", "-", done("one"), 0.012)
    assert capsys.readouterr().err == "stdin -> stdout  1,000 bytes  12 ms\n  stdin: one\n"


def test_nothing_done_nothing_averaged(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting(2, quiet=False, verbose=False):
        pass
    assert capsys.readouterr().err == "files   0 of 2 done\n"


def test_errors_that_end_the_batch_are_not_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PictureError), reporting(2, quiet=False, verbose=False):
        raise PictureError("no model")
    assert capsys.readouterr().err == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminals_get_a_progress_bar() -> None:
    with redirect_stderr(Terminal()) as terminal:
        fill()
    text = terminal.getvalue()
    assert "4/4" in text
    assert "a -> a.lci" not in text
    shown = [line.rsplit("\r\033[K", 1)[-1] for line in text.split("\n") if line]
    for line in ("  a: one", "  a: two", "lic-run: standard input: not a picture"):
        assert line in shown
    assert shown[-1] == "failed  standard input: not a picture"


@pytest.mark.parametrize("options", [{"quiet": True}, {"verbose": True}])
def test_terminals_get_none_if_it_is_not_wanted(options: dict[str, bool]) -> None:
    with redirect_stderr(Terminal()) as terminal:
        fill(**options)
    assert terminal.getvalue()
    assert "\033" not in terminal.getvalue()


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_log_on_a_full_disk_is_no_error() -> None:
    with redirect_stderr(Full()):
        say("lost")
        fill()
