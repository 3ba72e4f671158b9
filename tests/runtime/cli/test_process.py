"""What only a process of its own shows: interrupts, broken pipes, full disks and closed descriptors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

LIC_RUN = [sys.executable, "-m", "licrt.runtime"]


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_interrupts_are_130_and_143_and_leave_nothing(number: int, code: int, word: str, photo: Path) -> None:
    command = [*LIC_RUN, "encode", "-v", "-", "-o", "out.lci"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("model ")  # loaded; now it waits for its input
        process.send_signal(number)
        assert process.stderr.read() == f"lic-run: {word}\n"
    assert process.returncode == code
    assert list(Path().iterdir()) == [photo]


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("module", ["click", "licrt.runtime.cli.encode", "numpy", "onnxruntime", "PIL.Image"])
def test_interrupts_while_modules_are_loaded_are_130_and_143(module: str, number: str, photo: Path) -> None:
    """The interrupt comes from within, at the moment when the module is looked for."""
    code = f"""
import os, signal, sys
class Interrupt:
    def find_spec(self, name, *rest):
        if name == {module!r}:
            os.kill(os.getpid(), signal.{number})
sys.meta_path.insert(0, Interrupt())
sys.argv = ["lic-run", "encode", "photo.png", "-o", "out.lci"]
from licrt.runtime.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    code, word = (130, "interrupted") if number == "SIGINT" else (143, "terminated")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"lic-run: {word}\n")
    assert list(Path().iterdir()) == [photo]


def test_ignored_interrupts_stay_ignored(photo: Path) -> None:
    """As in jobs that a script left in the background."""
    code = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.argv = ["lic-run", "encode", "photo.png", "--quiet"]
from licrt.runtime.interrupts import LeavingAtOnce
with LeavingAtOnce():
    os.kill(os.getpid(), signal.SIGINT)
from licrt.runtime.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path("photo.lci").exists()


def test_a_reader_that_went_away_is_6_in_one_line(stream: Path) -> None:
    command = [*LIC_RUN, "decode", str(stream), "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        message = process.stderr.read().decode()
    assert process.returncode == 6
    assert message == f"lic-run: {stream}: cannot write the standard output: Broken pipe\n"


def redirected(redirection: str, *arguments: str) -> tuple[int, str]:
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *LIC_RUN, *arguments]
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=usual)
    return process.returncode, process.stderr


def test_reports_that_cannot_be_written_are_6_in_one_line(stream: Path) -> None:
    message = "lic-run: cannot read or write: No space left on device\n"
    assert redirected(">/dev/full", "info", str(stream)) == (6, message)
    assert redirected(">/dev/full", "models", "--json") == (6, message)


def test_libtiff_has_no_words_of_its_own(photo: Path) -> None:
    with Image.open(photo) as image:
        image.save("whole.tif", compression="tiff_adobe_deflate")
    data = bytearray(Path("whole.tif").read_bytes())
    data[200:260] = bytes(60)
    Path("damaged.tif").write_bytes(data)
    code = "from PIL import Image; Image.open('damaged.tif').load()"
    alone = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Decode" in alone.stderr.splitlines()[0]  # what this is about
    returned, told = redirected("", "encode", "damaged.tif")
    assert (returned, told.count("\n")) == (6, 1)
    assert told.startswith("lic-run: damaged.tif: the picture is damaged or cut short (")
    assert redirected("2>&-", "encode", "damaged.tif") == (6, "")


def test_help_that_cannot_be_written_is_6_in_one_line() -> None:
    message = "lic-run: cannot read or write: No space left on device\n"
    for arguments in (["--help"], ["--version"], ["encode", "--help"]):
        assert redirected(">/dev/full", *arguments) == (6, message)


def test_a_full_log_does_not_change_the_exit_code(photo: Path, stream: Path) -> None:
    assert redirected("2>/dev/full", "encode", str(photo), "-f", "-v") == (0, "")
    assert redirected("2>/dev/full", "encode", str(photo), "missing.png", "-f") == (1, "")
    assert redirected("2>/dev/full", "decode", str(stream), "-o", "new.png") == (0, "")
    assert redirected("2>&-", "decode", str(stream), "-o", "new.png", "-f") == (0, "")
    assert redirected("2>/dev/full", "decode", "missing.lci") == (6, "")
    assert redirected("2>/dev/full", "decode", str(stream), "-o", "out.png", "-m", "missing") == (4, "")


def test_closed_standard_streams_are_6_in_one_line(photo: Path) -> None:
    message = "lic-run: cannot read the standard input: Bad file descriptor\n"
    assert redirected("<&-", "decode", "-", "-o", "out.png") == (6, message)
    message = f"lic-run: {photo}: cannot write the standard output: Bad file descriptor\n"
    assert redirected(">&-", "encode", str(photo), "-o", "-") == (6, message)
