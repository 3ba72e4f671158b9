"""Exit codes and one-line messages: what scripts rely on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from licrt.runtime.cli import main
from licrt.runtime.cli.errors import guard
from licrt.runtime.errors import BackendError, FormatError, MismatchError, ModelError, PictureError
from licrt.runtime.interrupts import Terminated


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FormatError("x"), 3),
        (ModelError("x"), 4),
        (MismatchError("x"), 4),
        (BackendError("x"), 5),
        (PictureError("x"), 6),
        (MemoryError(), 6),
        (OSError(28, "No space left on device"), 6),
        (KeyboardInterrupt(), 130),
        (Terminated(), 143),
        (ZeroDivisionError("x"), 1),
    ],
)
def test_exit_codes(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, guard():
        raise error
    assert caught.value.code == code
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith("lic-run: ")
    assert written.err.count("\n") == 1


def test_names_of_strangers_do_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), guard():
        raise ModelError("cannot load \x1b[2J\x1b]0;owned\x07 \x9b1m \u202e größer: 図.onnx")
    shown = capsys.readouterr().err
    assert shown == "lic-run: cannot load \\x1b[2J\\x1b]0;owned\\x07 \\x9b1m \\u202e größer: 図.onnx\n"


def test_messages_stay_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), guard():
        raise ModelError("first\nsecond")
    assert capsys.readouterr().err == "lic-run: first second\n"


def test_traceback_only_when_asked_for(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICRT_DEBUG", "1")
    with pytest.raises(SystemExit), guard():
        raise ZeroDivisionError("division")
    written = capsys.readouterr().err
    assert "Traceback" in written
    assert "internal error: ZeroDivisionError: division. Please report it with LICRT_DEBUG=1 set" in written


def test_usage_errors_pass() -> None:
    with pytest.raises(click.UsageError), guard():
        raise click.UsageError("x")


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["encode"],
        ["encode", "a.png", "--device", "abacus"],
        ["encode", "a.png", "b.png", "-o", "c.lci"],
        ["encode", "a.png", "-o", "c.lci", "--out-dir", "d"],
        ["encode", "a/x.png", "b/x.png", "--out-dir", "d"],
        ["encode", "x.png", "x.jpg"],
        ["encode", "-", "--out-dir", "d"],
        ["encode", "-j", "0", "a.png"],
        ["decode"],
        ["info"],
        ["info", "a", "b"],
        ["bench", "--repeat", "0", "a.png"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Error:" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["encode", "decode", "info", "verify", "bench"])
def test_files_that_cannot_be_read_are_6(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folders = (tmp_path, "/", ".", "..")
    for source in (tmp_path / "missing.png", tmp_path / "file" / "below.png", *folders):
        code, out, err = run(command, source)
        assert (code, out) == (6, "")
        empty = source in folders and command in ("encode", "decode")  # these take the pictures in a folder
        assert err.startswith(f"lic-run: {'nothing to do in' if empty else 'cannot read'} {source}: ")
        assert err.count("\n") == 1


def test_an_empty_name_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    code, _, err = run("encode", tmp_path / "a.png", "-o", "")
    assert code == 6
    assert "it is a directory" in err


@pytest.mark.parametrize("command", ["decode", "info", "verify"])
def test_other_files_are_3(command: str) -> None:
    code, out, err = run(command, __file__)
    assert (code, out) == (3, "")
    assert "not a licrt stream: it starts with 22 22 22" in err


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("exists.png", r"it exists. Pass -f to replace it"),
        ("directory", "it is a directory"),
        ("missing/out.png", "there is no directory"),
        ("exists.png/out.png", "there is no directory"),
    ],
)
@pytest.mark.parametrize("command", ["encode", "decode"])
def test_targets_are_refused_before_the_model_is_looked_for(
    command: str, target: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("exists.png").write_bytes(b"precious")
    Path("directory").mkdir()
    Path("in").touch()
    if target == "directory":
        monkeypatch.setattr("licrt.runtime.cli.decode._check_format", lambda output, picture_format: None)
    code, _, err = run(command, "in", "-o", target, "-m", "no-such-model")
    assert code == 6
    assert message in err
    assert Path("exists.png").read_bytes() == b"precious"


def test_unknown_picture_suffix_is_refused_before_work(tmp_path: Path) -> None:
    (tmp_path / "in").touch()
    code, _, err = run("decode", tmp_path / "in", "-o", tmp_path / "out.jpg")
    assert code == 6
    assert "out.jpg: expected a name in .png" in err


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_a_file_is_not_replaced_by_its_own_result(command: str, photo: Path, stream: Path) -> None:
    source = photo if command == "encode" else stream.rename("stream.png")
    precious = source.read_bytes()
    for options in (["-o", f"./{source}"], ["-o", str(source.resolve())]):
        code, _, err = run(command, source, *options, "-f")
        assert code == 6
        assert err == f"lic-run: {source} would be overwritten by its own result. Name another file with -o\n"
        assert source.read_bytes() == precious


def test_files_of_the_wrong_kind_are_called_by_their_name(photo: Path, stream: Path) -> None:
    code, _, err = run("encode", stream, "-f")
    assert (code, err.count("\n")) == (6, 1)
    assert err.startswith("lic-run: photo.lci: this is a licrt stream already, not a picture. Run: lic-run decode")
    code, _, err = run("decode", photo, "-f")
    assert (code, err) == (3, "lic-run: photo.png: not a licrt stream but a PNG picture. Run: lic-run encode\n")


def test_missing_models_are_4(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    code, _, err = run("encode", tmp_path / "a.png", "-m", "no-such-model")
    assert code == 4
    assert "no-such-model" in err
    assert not (tmp_path / "a.lci").exists()


def test_out_dir_that_cannot_be_made_is_6(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, err = run("encode", tmp_path / "file", "--out-dir", tmp_path / "file" / "below")
    assert code == 6
    assert "cannot make the directory" in err


def test_what_c_libraries_print_is_lost_and_what_python_prints_is_not():
    program = (
        "import os, sys; from licrt.runtime.cli.errors import our_words_only, say\n"
        "with our_words_only():\n"
        "    os.write(2, b'from C\\n'); say('ours'); print('half a line', end='', file=sys.stderr)\n"
        "os.write(2, b', after\\n')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "ours\nhalf a line, after\n"
