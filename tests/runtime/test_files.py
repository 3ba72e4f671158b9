"""Whole files or nothing, links and devices, and one-line errors for everything that can be wrong with a path."""

from __future__ import annotations

import io
import os
import shutil
import tracemalloc
import zlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from licrt.runtime import files
from licrt.runtime.container import LATENT, Section, Stream, write_stream
from licrt.runtime.errors import FormatError, PictureError
from licrt.runtime.files import (
    check_source,
    check_target,
    make_directory,
    read_picture_file,
    read_stream_file,
    replace_directory,
    workplace,
    write_file,
)

STREAM = write_stream(Stream(8, 8, bytes(16), 0, (Section(LATENT, 1, bytes(3000)),)))


def test_reads_files_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert read_picture_file(str(tmp_path / "a")) == b"abc"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"piped")))
    assert read_picture_file("-") == b"piped"


def test_says_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PictureError, match=r"cannot read .*missing\.png: No such file"):
        read_picture_file(str(tmp_path / "missing.png"))
    with pytest.raises(PictureError, match="Is a directory"):
        read_picture_file(str(tmp_path))
    with pytest.raises(PictureError, match="Not a directory"):
        read_stream_file(str(tmp_path / "file" / "below"))


def test_sources_are_checked_before_work(tmp_path: Path) -> None:
    check_source("-")
    check_source(__file__)
    for source in (tmp_path, tmp_path / "missing", Path(__file__) / "below"):
        with pytest.raises(PictureError, match="cannot read"):
            check_source(str(source))


def test_pictures_over_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_PICTURE_BYTES", 10)
    (tmp_path / "a").write_bytes(bytes(11))
    with pytest.raises(PictureError, match="over the limit"):
        read_picture_file(str(tmp_path / "a"))


def test_streams_are_read_no_further_than_their_header_says(tmp_path: Path) -> None:
    path = tmp_path / "a.lci"
    path.write_bytes(STREAM)
    assert read_stream_file(str(path)) == STREAM
    path.write_bytes(STREAM + bytes(100_000))
    assert read_stream_file(str(path)) == STREAM + b"\0"  # enough to see that something follows
    with pytest.raises(FormatError, match="not a licrt stream"):
        read_stream_file("/dev/zero")


def test_memory_follows_the_bytes_that_are_there(tmp_path: Path) -> None:
    """A header may speak of a gibibyte; reading a file that ends before must not take one."""
    data = bytearray(write_stream(Stream(8, 8, bytes(16), 0, (Section(LATENT, 1, b""),))))
    data[50:54] = (1 << 30).to_bytes(4, "little")
    data[-4:] = zlib.crc32(data[:-4]).to_bytes(4, "little")
    (tmp_path / "a.lci").write_bytes(data)
    tracemalloc.start()
    try:
        assert read_stream_file(str(tmp_path / "a.lci")) == data
        assert read_picture_file(str(tmp_path / "a.lci")) == data
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


@pytest.fixture(params=["unnamed", "named"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How files are written: without a name until they are whole, or under another one, as where Linux is not."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("only Linux has files without a name")
    return request.param


def test_writes_whole_files_only(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    write_file(str(target), b"first")
    with pytest.raises(PictureError, match=r"it exists\. Pass -f"):
        write_file(str(target), b"second")
    write_file(str(target), b"second", force=True)
    assert target.read_bytes() == b"second"

    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    for owner, name in ((Path, "replace"), (os, "link"), (Path, "write_bytes")):
        if (way, name) in (("named", "link"), ("unnamed", "write_bytes")):
            continue
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                write_file(str(target), b"third", force=True)
        assert target.read_bytes() == b"second"
        assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="elsewhere the new file replaces the other one")
def test_a_file_that_came_in_between_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    link = os.link

    def overtaken(*arguments: object, **options: object) -> None:
        target.write_bytes(b"another's")
        link(*arguments, **options)

    monkeypatch.setattr(os, "link", overtaken)
    with pytest.raises(PictureError, match=r"cannot write .*out: it exists\. Pass -f"):
        write_file(str(target), b"ours")
    assert target.read_bytes() == b"another's"
    assert list(tmp_path.iterdir()) == [target]


def test_file_systems_without_links_or_unnamed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write_file(str(tmp_path / "out"), b"first")
    write_file(str(tmp_path / "out"), b"second", force=True)
    assert (tmp_path / "out").read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_the_old_directory_comes_back_where_the_new_one_cannot_be_renamed(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "manifest.json").write_text("old")
    with pytest.raises(OSError, match="No such file"):
        replace_directory(tmp_path / "old", tmp_path / "missing", tmp_path / "aside")
    assert (tmp_path / "old" / "manifest.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_an_interrupt_while_a_workplace_is_removed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = shutil.rmtree

    def interrupted(*arguments: object, **options: object) -> None:
        monkeypatch.setattr(shutil, "rmtree", remove)
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt), workplace(tmp_path) as mine:
        (mine / "file").touch()
    assert list(tmp_path.iterdir()) == []


def test_what_killed_processes_left_is_removed_after_a_day(tmp_path: Path) -> None:
    old, new, other = (tmp_path / name for name in (".licrt-old.tmp", ".licrt-new.tmp", "old"))
    for folder in (old, new, other):
        (folder / "bundle").mkdir(parents=True)
    for folder in (old, other):
        os.utime(folder, (0, 0))
    with workplace(tmp_path) as mine:
        assert mine.name.startswith(".licrt-")
        (mine / "file").touch()
    assert sorted(tmp_path.iterdir()) == sorted([new, other])


def test_new_files_have_the_permissions_of_the_umask(way: str, tmp_path: Path) -> None:
    write_file(str(tmp_path / "out"), b"")
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o666 & ~umask


def test_follows_links_and_spares_devices(way: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_file(str(tmp_path / "link"), b"data")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"data"
    write_file("/dev/null", b"data", force=True)
    assert Path("/dev/null").is_char_device()


def test_circles_of_links_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for force in (False, True):
        with pytest.raises(PictureError, match=r"cannot write .*: Too many levels of symbolic links"):
            write_file(str(tmp_path / "a"), b"data", force=force)
        with pytest.raises(PictureError, match="Too many levels"):
            check_target(str(tmp_path / "a"), force=force)
    assert (tmp_path / "a").is_symlink()
    assert len(list(tmp_path.iterdir())) == 2


def test_directories_are_made(tmp_path: Path) -> None:
    make_directory(tmp_path / "a" / "b")
    make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(PictureError, match=f"cannot make the directory {path}: "):
            make_directory(path)


def test_full_disk() -> None:
    with pytest.raises(PictureError, match="cannot write /dev/full: No space left on device"):
        write_file("/dev/full", b"data")


def test_targets_are_checked_before_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    check_target("-", force=False)
    check_target(str(tmp_path / "new"), force=False)
    check_target(str(tmp_path / "file"), force=True)
    with pytest.raises(PictureError, match="it is a directory"):
        check_target(str(tmp_path), force=True)
    with pytest.raises(PictureError, match="there is no directory"):
        check_target(str(tmp_path / "missing" / "out"), force=False)
    with pytest.raises(PictureError, match="there is no directory"):
        check_target(str(tmp_path / "file" / "out"), force=False)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PictureError, match="no permission"):
        check_target(str(tmp_path / "new"), force=False)
