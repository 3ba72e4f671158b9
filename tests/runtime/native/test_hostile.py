"""Files, blobs and payloads that somebody changed, and many threads, under gcc's sanitizers and valgrind."""

from __future__ import annotations

import re
import subprocess

import pytest
from references.programs import flatten_to, run, sanitised
from references.synthetic import KINDS, write_bundle
from references.tiny_photo import photo

from licrt.runtime import Codec


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict:
    """The flat model of a bundle of each kind, and streams of two sizes."""
    folder = tmp_path_factory.mktemp("kinds")
    made = {}
    for kind, options in KINDS.items():
        codec = Codec.load(write_bundle(folder / kind, **options), threads=1)
        made[kind] = [flatten_to(folder / f"{kind}.lcm", folder / kind)]
        for height, width in ((21, 34), (48, 9)):
            made[kind].append(folder / f"{kind}-{height}.lci")
            made[kind][-1].write_bytes(codec.encode(photo(height, width)))
    return made


def test_changed_blobs_and_payloads_are_refused_or_work(watched):
    assert run(watched / "hostile").endswith(" context models\n")


@pytest.mark.parametrize("kind", KINDS)
def test_changed_files_are_refused_or_give_the_encoders_latents(kind, files, watched):
    model, stream, _ = files[kind]
    printed = run(watched / "damaged", "60", model, stream)
    streams, models = (
        {int(code): int(count) for code, count in re.findall(r"(\d):(\d+)", line)} for line in printed.splitlines()
    )
    assert sum(streams.values()) == sum(models.values()) == 60
    assert streams[3] > 20
    assert models[4] > 20


@pytest.mark.parametrize("kind", KINDS)
def test_eight_threads_share_one_model(kind, files, here):
    assert run(here / "threads", *files[kind]) == "8 threads, 2 streams, 72 equal latents\n"


def test_eight_threads_share_one_model_without_races(files, tmp_path):
    programs = sanitised(tmp_path, "thread", "threads")
    for kind in ("factorised", "variable rate", "checkerboard groups"):
        assert run(programs / "threads", *files[kind]) == "8 threads, 2 streams, 72 equal latents\n"


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_decode_without_a_leak_or_a_wrong_read(kind, files, here, valgrind):
    model, stream, _ = files[kind]
    assert "decoded" in run(*memcheck(valgrind), here / "decode", "-j", "2", model, stream)


@pytest.mark.parametrize(
    ("name", "place", "change", "code"),
    [
        ("stream", -40, b"\x55", 3),
        ("stream", 52, None, 3),
        ("stream", 30, b"\x55", 3),
        ("model", -40, b"\x55", 4),
        ("model", 200, None, 4),
    ],
)
def test_damaged_files_are_refused_without_a_leak_or_a_wrong_read(
    name, place, change, code, files, here, valgrind, tmp_path
):
    paths = dict(zip(("model", "stream"), files["everything"], strict=False))
    data = bytearray(paths[name].read_bytes())
    data[place : None if change is None else place + 1] = change or b""
    paths[name] = tmp_path / "damaged"
    paths[name].write_bytes(data)
    command = [*memcheck(valgrind), here / "decode", *paths.values()]
    assert subprocess.run(command, check=False, capture_output=True).returncode == code


def memcheck(valgrind) -> list:
    return [valgrind, "--quiet", "--leak-check=full", "--show-leak-kinds=all", "--error-exitcode=99"]
