"""What is read from the cache is what was written there for the same thing, by the same user, and whole."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from licrt.runtime.backends import engine_cache
from licrt.runtime.backends.engine_cache import KEPT, file_name, pack, read, unpack, usable_directory, write

if TYPE_CHECKING:
    from pathlib import Path

KEY = {"kind": "engine", "graph": "ab", "device": "Orin", "shapes": {"x": [[1, 3], [1, 3], [1, 3]]}}


def test_what_is_written_is_read(cache: Path) -> None:
    assert read(KEY) is None
    assert write(KEY, b"\0engine\n")
    assert read(KEY) == b"\0engine\n"
    assert write(KEY, b"another")
    assert read(KEY) == b"another"
    assert [path.name for path in cache.iterdir()] == [file_name(KEY)]
    assert cache.stat().st_mode & 0o777 == 0o700
    assert (cache / file_name(KEY)).stat().st_mode & 0o777 == 0o600


def test_keys_tell_everything_apart() -> None:
    assert write(KEY, b"engine")
    for name, other in (("kind", "timings"), ("graph", "cd"), ("device", "Thor"), ("shapes", {"x": [[1, 3]] * 2})):
        assert read({**KEY, name: other}) is None
    assert read(dict(reversed(KEY.items()))) == b"engine"


def test_every_cut_and_every_changed_byte_is_found() -> None:
    data = pack(b"an engine", KEY)
    assert unpack(data, KEY) == b"an engine"
    assert all(unpack(data[:size], KEY) is None for size in range(len(data)))
    assert all(
        unpack(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :], KEY) is None
        for place in range(len(data))
        for bit in (1, 128)
    )
    assert unpack(data + b"\0", KEY) is None


def test_files_under_another_name_are_foreign(cache: Path) -> None:
    write(KEY, b"engine")
    other = {**KEY, "device": "Thor"}
    (cache / file_name(KEY)).rename(cache / file_name(other))
    assert read(other) is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_files_that_others_can_write_are_not_trusted(mode: int, cache: Path) -> None:
    write(KEY, b"engine")
    (cache / file_name(KEY)).chmod(mode)
    assert read(KEY) is None


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_directories_that_others_can_write_are_not_used(mode: int, cache: Path) -> None:
    write(KEY, b"engine")
    cache.chmod(mode)
    assert usable_directory() is None
    assert (read(KEY), write(KEY, b"engine")) == (None, False)


def test_files_of_others_are_not_trusted(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(KEY, b"engine")
    if os.geteuid() == 0:
        os.chown(cache / file_name(KEY), 1, 1)
        assert read(KEY) is None
        os.chown(cache / file_name(KEY), 0, 0)
        assert read(KEY) == b"engine"
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert (read(KEY), write(KEY, b"engine"), usable_directory()) == (None, False, None)


def test_links_are_not_followed(cache: Path, tmp_path: Path) -> None:
    write(KEY, b"engine")
    (cache / file_name(KEY)).rename(tmp_path / "elsewhere")
    (cache / file_name(KEY)).symlink_to(tmp_path / "elsewhere")
    assert read(KEY) is None


def test_without_a_place_everything_works(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_text("a file")
    assert (read(KEY), write(KEY, b"engine"), usable_directory()) == (None, False, None)


def test_a_full_disk_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(KEY, b"engine")

    def full(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    assert not write(KEY, b"another")
    assert [path.name for path in cache.iterdir()] == [file_name(KEY)]
    assert read(KEY) == b"engine"


def test_the_oldest_go(cache: Path) -> None:
    for number in range(KEPT):
        write({"number": number}, b"")
        os.utime(cache / file_name({"number": number}), (number, number))
    assert read({"number": 0}) == b""  # and now it is the newest
    write({"number": KEPT}, b"")
    assert len(list(cache.iterdir())) == KEPT
    assert read({"number": 0}) == b""
    assert read({"number": 1}) is None


def test_threads_that_write_the_same_leave_one_whole_file(cache: Path) -> None:
    contents = [bytes([number]) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=write, args=(KEY, each)) for each in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(KEY) in contents
    assert len(list(cache.iterdir())) == 1


def test_the_place_is_the_users_unless_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LICRT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert engine_cache.directory() == tmp_path / "licrt" / "engines"
