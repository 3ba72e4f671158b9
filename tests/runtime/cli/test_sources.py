"""Folders on the command line: what is taken from them, and that nothing in them stops or traps the walk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from licrt.runtime.cli.sources import PICTURES, find
from licrt.runtime.errors import PictureError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("in/b.png", "in/a.JPG", "in/notes.txt", "in/png", "in/low/c.tiff", "in/low/er/d.avif", "out.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    return Path("in")


def found(*names: str, recursive: bool = False) -> list[tuple[str, str]]:
    sources = find(names, PICTURES, recursive=recursive)
    assert all(source.error is None for source in sources)
    return [(source.path, source.below) for source in sources]


def test_a_folder_stands_for_the_files_in_it(folder: Path) -> None:
    assert found("in") == found("in/") == [("in/a.JPG", "a.JPG"), ("in/b.png", "b.png")]


def test_and_with_recursive_for_those_below(folder: Path) -> None:
    assert [below for _, below in found("in", recursive=True)] == ["a.JPG", "b.png", "low/c.tiff", "low/er/d.avif"]
    assert [below for _, below in found(".", recursive=True)][-1] == "out.png"


def test_other_names_are_taken_as_they_are(folder: Path) -> None:
    names = ["out.png", "-", "missing", "in/notes.txt", "in/notes.txt/below", "x" * 5000]
    expected = ["out.png", "-", "missing", "notes.txt", "below", "x" * 5000]
    assert found(*names) == list(zip(names, expected, strict=True))


def test_hidden_files_and_folders_are_left_out(folder: Path) -> None:
    Path("in/._b.png").touch()
    Path("in/.thumbnails").mkdir()
    Path("in/.thumbnails/x.png").touch()
    assert len(found("in", recursive=True)) == 4


def test_links_do_not_lead_in_circles(folder: Path) -> None:
    Path("in/low/up").symlink_to("..")
    Path("in/low/self.png").symlink_to("self.png")
    Path("in/low/link.png").symlink_to("../b.png")
    Path("in/low/nowhere.png").symlink_to("missing")
    names = [below for _, below in found("in", recursive=True)]
    assert names == [
        *("a.JPG", "b.png", "low/c.tiff", "low/er/d.avif"),
        *("low/link.png", "low/nowhere.png", "low/self.png"),  # of which two cannot be read, and reading them says so
    ]


def test_a_folder_that_is_a_link_is_looked_into_if_it_is_named(folder: Path) -> None:
    Path("link").symlink_to("in")
    assert [path for path, _ in found("link")] == ["link/a.JPG", "link/b.png"]


def test_pipes_and_devices_are_left_out(folder: Path) -> None:
    os.mkfifo("in/pipe.png")
    Path("in/null.png").symlink_to("/dev/null")
    Path("in/folder.png").symlink_to("low")
    Path("in/low.png").mkdir()
    assert [below for _, below in found("in")] == ["a.JPG", "b.png"]


def test_empty_folders_say_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for recursive, hint in ((False, "Pass --recursive to look in the folders below it, too"), (True, ".dib")):
        (source,) = find([str(tmp_path)], PICTURES, recursive=recursive)
        assert isinstance(source.error, PictureError)
        assert str(source.error).startswith(f"nothing to do in {tmp_path}: no file in it ends in .png, ")
        assert str(source.error).endswith(hint)


def test_folders_that_cannot_be_read_do_not_stop_the_walk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def guarded(path: str) -> object:
        if str(path).endswith("low"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    *files, failure = find(["in"], PICTURES, recursive=True)
    assert [source.below for source in files] == ["a.JPG", "b.png"]
    assert str(failure.error) == "cannot read in/low: Permission denied"


def test_deep_trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deeper than Python's recursion goes."""
    depth = 1100
    monkeypatch.chdir(tmp_path)
    for _ in range(depth):
        Path("d").mkdir()
        os.chdir("d")
    Path("x.png").touch()
    os.chdir(tmp_path)
    assert found("d", recursive=True) == [("d/" * depth + "x.png", "d/" * (depth - 1) + "x.png")]
    os.chdir("d/" * depth)
    Path("x.png").unlink()
    for _ in range(depth):  # what pytest cleans up with is recursive
        os.chdir("..")
        Path("d").rmdir()


def test_a_thousand_files(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{number:04}.png").touch()
    assert [below for _, below in found(str(tmp_path))] == [f"{number:04}.png" for number in range(1000)]
