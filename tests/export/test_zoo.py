"""The zoo through a real server: what is fetched is whole and right, and nothing else is ever left."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import pytest
import torch
from click.testing import CliRunner, Result
from references.keys import first_generation
from references.tiny import tiny_model
from references.tiny_photo import photo
from references.web import Site, serve
from references.zoo import write_manifest

from licrt.export import zoo
from licrt.export.cli import main
from licrt.runtime import Codec
from licrt.runtime.errors import ModelError, PictureError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FETCH = "from licrt.export import zoo; print(zoo.fetch(zoo.find('bmshj2018-factorized', 'mse', 1)))"
# Permissions bind root too without CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, gone at the exec after PR_CAPBSET_DROP.
BOUND_BY_PERMISSIONS = f"""
import ctypes, os, sys
for capability in (1, 2):
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-c", {FETCH!r}])
"""


class Zoo(NamedTuple):
    """A zoo of one file, its server, and the cache, which is empty."""

    site: Site
    manifest: zoo.Manifest
    body: bytes
    cache: Path

    @property
    def file(self) -> Path:
        """Where the file comes to lie."""
        return self.cache / self.manifest.file

    def left(self) -> set[str]:
        """Names in the cache, by what they are."""
        return {path.name.replace(self.manifest.file, "FILE") for path in self.cache.glob("*")}


@pytest.fixture(scope="module")
def body(tmp_path_factory) -> bytes:
    """A checkpoint with the keys of the published files, large enough to come in several pieces."""
    path = tmp_path_factory.mktemp("checkpoint") / "model.pth.tar"
    state_dict = tiny_model("bmshj2018-factorized", 32, 48).state_dict()
    torch.save({first_generation(key): value for key, value in state_dict.items()}, path)
    return path.read_bytes()


@pytest.fixture
def tiny(body: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Zoo]:
    with serve() as site:
        write_manifest(tmp_path / "manifests", body)
        monkeypatch.setenv("LICRT_ZOO_MANIFESTS", str(tmp_path / "manifests"))
        monkeypatch.setenv("LICRT_ZOO_URL", site.url)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.delenv("LICRT_OFFLINE", raising=False)
        manifest = zoo.find("bmshj2018-factorized", "mse", 1)
        site.files[manifest.file] = body
        yield Zoo(site, manifest, body, tmp_path / "cache" / "licrt" / "zoo")


def export(*options: object) -> Result:
    arguments = ["--arch", "bmshj2018-factorized", "--quality", "1", *map(str, options)]
    return CliRunner().invoke(main, arguments)


def fetch_in_a_process(program: str = FETCH) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_command_downloads_exports_and_says_where_from(tiny: Zoo, tmp_path: Path) -> None:
    result = export("-o", tmp_path / "bundle")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("bmshj2018-factorized-mse-1 ")
    assert result.stderr.splitlines()[0] == f"downloading {tiny.site.url}/{tiny.manifest.file}"
    codec = Codec.load(tmp_path / "bundle", threads=1)
    pixels = photo(50, 70)
    assert codec.decode(codec.encode(pixels)).shape == pixels.shape
    digest = hashlib.sha256(tiny.body).hexdigest()
    assert tiny.left() == {"FILE", "FILE.sha256"}
    assert subprocess.run(["sha256sum", "--check", "--status", f"{tiny.file}.sha256"], cwd=tiny.cache).returncode == 0
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert manifest["source"] == {"url": tiny.manifest.url, "sha256": digest}
    assert manifest["licence"] == tiny.manifest.licence
    assert (manifest["quality"], manifest["metric"]) == (1, "mse")

    again = export("-o", tmp_path / "again", "--no-check", "--name", "mine", "--licence", "CC0-1.0")
    assert again.exit_code == 0, again.stderr
    assert "downloading" not in again.stderr
    assert tiny.site.requests == [tiny.manifest.file]
    manifest = json.loads((tmp_path / "again" / "manifest.json").read_text())
    assert (manifest["name"], manifest["licence"]) == ("mine", "CC0-1.0")


def test_a_manifest_knows_its_root_unless_there_is_a_mirror(tiny: Zoo, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LICRT_ZOO_URL")
    write_manifest(tmp_path / "manifests", tiny.body, digits=64, root=f"{tiny.site.url}/v1/")
    manifest = zoo.find("bmshj2018-factorized", "mse", 1)
    assert zoo.fetch(manifest).read_bytes() == tiny.body
    assert manifest.url == f"{tiny.site.url}/v1/{manifest.file}"


def test_a_killed_download_leaves_nothing_that_is_trusted(tiny: Zoo) -> None:
    tiny.site.go_on.clear()
    process = fetch_in_a_process()
    part = tiny.file.with_name(f"{tiny.manifest.file}.part")
    until(lambda: part.exists() and part.stat().st_size > len(tiny.body) // 4)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert tiny.left() == {"FILE.part"}
    tiny.site.go_on.set()
    stdout, stderr = fetch_in_a_process().communicate()
    assert stdout.strip() == str(tiny.file), stderr
    assert tiny.file.read_bytes() == tiny.body
    assert tiny.left() == {"FILE", "FILE.sha256"}


def test_an_interrupted_download_leaves_nothing(tiny: Zoo) -> None:
    tiny.site.go_on.clear()
    process = fetch_in_a_process()
    until(lambda: len(tiny.left()) > 0 and len(tiny.site.requests) > 0)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert tiny.left() == set()


@pytest.mark.parametrize("first_is_killed", [False, True])
def test_of_two_processes_one_downloads(tiny: Zoo, first_is_killed: bool) -> None:
    """The other waits, and takes over where the first is killed."""
    tiny.site.go_on.clear()
    first = fetch_in_a_process()
    until(lambda: len(tiny.site.requests) == 1)
    second = fetch_in_a_process()
    time.sleep(1.0)  # enough to start, or not: both orders must do
    if first_is_killed:
        first.kill()
    tiny.site.go_on.set()
    outputs = [process.communicate()[0].strip() for process in (first, second)]
    assert outputs == ["" if first_is_killed else str(tiny.file), str(tiny.file)]
    assert len(tiny.site.requests) == 1 + first_is_killed
    assert tiny.file.read_bytes() == tiny.body
    assert tiny.left() == {"FILE", "FILE.sha256"}


def other_body(tiny: Zoo) -> None:
    tiny.site.files[tiny.manifest.file] = bytes(1000)


def without_file(tiny: Zoo) -> None:
    tiny.site.files.clear()


def cut_short(tiny: Zoo) -> None:
    tiny.site.promised = 100


def cut_short_unnoticed(tiny: Zoo) -> None:
    tiny.site.promised = None
    tiny.site.files[tiny.manifest.file] = tiny.body[:-1]


FAILURES = {
    "wrong hash": (other_body, {}, 4, r"SHA-256 [0-9a-f]{64}, the zoo's begins with [0-9a-f]{8}; nothing was kept"),
    "cut short": (cut_short, {}, 6, r"cannot download http.*: IncompleteRead\(\d+ bytes read, 100 more expected\)"),
    "cut short unnoticed": (cut_short_unnoticed, {}, 4, "the zoo's begins with"),
    "not found": (without_file, {}, 6, r"cannot download http.*: 404 Client Error: Not Found\. Check"),
    "refused": (without_file, {"LICRT_ZOO_URL": "http://127.0.0.1:9"}, 6, r"Connection refused\. Check the network"),
    "no such scheme": (without_file, {"LICRT_ZOO_URL": "/srv/mirror"}, 6, r"cannot download .*Invalid URL"),
    "no such host": (
        without_file,
        {"LICRT_ZOO_URL": "http://mirror.invalid"},
        6,
        r"cannot download .*name resolution|not known",
    ),
    "no host": (without_file, {"LICRT_ZOO_URL": "http://..:80"}, 6, r"cannot download .*"),
    "offline": (without_file, {"LICRT_OFFLINE": "1"}, 4, r"tiny-1-\w+.pth.tar is not in the cache, .* put it at /"),
    "no directory": (without_file, {"XDG_CACHE_HOME": __file__}, 6, r"cannot write .*: Not a directory"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_are_one_line_and_leave_nothing(tiny: Zoo, name: str, monkeypatch, tmp_path: Path) -> None:
    prepare, environment, code, message = FAILURES[name]
    prepare(tiny)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    result = export("-o", tmp_path / "bundle")
    assert result.exit_code == code, result.stderr
    *before, last = result.stderr.splitlines()
    assert all(line.startswith("downloading ") for line in before)
    with pytest.raises((ModelError, PictureError), match=message):
        zoo.fetch(tiny.manifest)
    assert last.startswith("main: ")
    assert tiny.left() == set()
    assert not (tmp_path / "bundle").exists()


def test_a_server_that_falls_silent_is_given_up(tiny: Zoo) -> None:
    tiny.site.go_on.clear()
    with pytest.raises(PictureError, match=r"cannot download .*timed out"):
        zoo.fetch(tiny.manifest, timeout=0.3)
    assert tiny.left() == set()


def test_the_reason_is_not_what_the_caller_is_at(tiny: Zoo) -> None:
    without_file(tiny)
    try:
        {}["mine"]
    except KeyError:
        with pytest.raises(PictureError, match="404 Client Error: Not Found"):
            zoo.fetch(tiny.manifest)


def test_a_full_disk_is_one_line(tiny: Zoo) -> None:
    limit = len(tiny.body) // 2
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); {FETCH}"
    process = fetch_in_a_process(limited)
    assert "cannot write" in (stderr := process.communicate()[1].splitlines()[-1])
    assert "File too large" in stderr
    assert tiny.left() == set()


def test_a_read_only_cache_serves_what_it_has(tiny: Zoo) -> None:
    tiny.cache.mkdir(parents=True)
    tiny.cache.chmod(0o555)
    try:
        _, stderr = fetch_in_a_process(BOUND_BY_PERMISSIONS).communicate()
        assert f"PictureError: cannot write {tiny.file}: Permission denied" in stderr.splitlines()[-1]
        tiny.cache.chmod(0o755)
        tiny.file.write_bytes(tiny.body)
        tiny.cache.chmod(0o555)
        stdout, stderr = fetch_in_a_process(BOUND_BY_PERMISSIONS).communicate()
        assert stdout.strip() == str(tiny.file), stderr
        assert tiny.left() == {"FILE"}
    finally:
        tiny.cache.chmod(0o755)
    assert tiny.site.requests == []


def test_offline_uses_the_cache(tiny: Zoo, monkeypatch) -> None:
    monkeypatch.setenv("LICRT_OFFLINE", "1")
    tiny.cache.mkdir(parents=True)
    tiny.file.write_bytes(tiny.body)  # as the message says
    assert zoo.fetch(tiny.manifest) == tiny.file
    assert tiny.left() == {"FILE", "FILE.sha256"}
    assert tiny.site.requests == []


def test_a_cached_file_is_checked_whenever_it_is_used(tiny: Zoo, tmp_path: Path) -> None:
    zoo.fetch(tiny.manifest)
    damaged = bytearray(tiny.body)
    damaged[1000] ^= 1
    tiny.file.write_bytes(damaged)
    result = export("-o", tmp_path / "bundle")
    assert result.exit_code == 4
    assert result.stderr.count("\n") == 1
    assert f"{tiny.file} is not" in result.stderr
    assert "remove it to download it again" in result.stderr
    tiny.file.unlink()
    assert zoo.fetch(tiny.manifest).read_bytes() == tiny.body


def test_the_whole_hash_is_pinned(tiny: Zoo) -> None:
    """A file with the published digits that is not the one of the first time is refused, from the cache or anew."""
    pin = zoo.fetch(tiny.manifest).with_name(f"{tiny.manifest.file}.sha256")
    pin.write_text(tiny.manifest.sha256_prefix + 56 * "0" + "  file\n")
    for _ in range(2):
        with pytest.raises(ModelError, match=f"the file first downloaded had {tiny.manifest.sha256_prefix}0000"):
            zoo.fetch(tiny.manifest)
        tiny.file.unlink(missing_ok=True)
    pin.write_bytes(b"\xff\x00 nonsense")
    with pytest.raises(ModelError, match=r"does not begin with a SHA-256; remove it"):
        zoo.fetch(tiny.manifest)
    pin.unlink()
    assert zoo.fetch(tiny.manifest) == tiny.file


def test_a_terminal_gets_a_bar_and_a_pipe_does_not(tiny: Zoo, tmp_path: Path) -> None:
    """The file is no checkpoint, so that the command ends soon after the download."""
    write_manifest(tmp_path / "manifests", bytes(1_000_000), file="zeros")
    tiny.site.files["zeros"] = bytes(1_000_000)
    code = "from licrt.export.cli import main; main()"
    command = [sys.executable, "-c", code, "--arch", "bmshj2018-factorized", "--quality", "1"]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stderr=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the end of a terminal is an error
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert process.wait() == 4
    assert b"1.0 MB  [####" in shown
    assert b"100%" in shown
    (tiny.cache / "zeros").unlink()
    piped = subprocess.run(command, capture_output=True, text=True, check=False)
    first, second = piped.stderr.splitlines()
    assert first == f"downloading {tiny.site.url}/zeros"
    assert "cannot read checkpoint" in second


def test_known_defects_are_said(tiny: Zoo, tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifests", tiny.body, notes=["is odd"])
    without_file(tiny)
    assert export().stderr.startswith("known of bmshj2018-factorized-mse-1: is odd\n")
