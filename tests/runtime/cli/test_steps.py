"""Several files at a time: files, reports and exit codes are those of one after the other."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from references.bundles import SINGLE_RATE
from references.tiny_photo import photo as photograph

from licrt.runtime import Codec, pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Outcome

    LicRun = Callable[..., Outcome]

COUNT = 9


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures of several sizes, one of them damaged, one of 16 bits."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for number in range(COUNT):
        Image.fromarray(photograph(24 + 11 * number, 90 - 7 * number, number)).save(f"in/{number}.png")
    Image.fromarray(photograph(30, 30)[..., 0].astype(np.uint16) * 257).save("in/5.png")
    Path("in/4.png").write_bytes(Path("in/4.png").read_bytes()[:900])
    return Path("in")


def contents(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def report(outcome: Outcome) -> list[str]:
    """What was said, without what takes another time each time."""
    return [re.sub(r" *[\d.,]+ (ms|s, .*)$", " #", line) for line in outcome.stderr.splitlines()]


@pytest.mark.parametrize("most", [1 << 24, 3 * 4000])
def test_all_is_as_it_is_one_after_the_other(
    folder: Path, most: int, lic_run: LicRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where some are too large to be worked on beside others; a broken one in the middle stops none."""
    monkeypatch.setattr(pipeline, "MOST_PIXELS", most)
    for command, source, suffix in (("encode", "in", "lci"), ("decode", "lci-1", "png")):
        outcomes = [lic_run(command, source, "--out-dir", f"{suffix}-{jobs}", "-j", jobs, "--verbose") for jobs in "13"]
        one, several = ([line.replace(f"{suffix}-3", f"{suffix}-1") for line in report(each)] for each in outcomes)
        assert [outcome.code for outcome in outcomes] == [int(command == "encode")] * 2
        assert "  synthesis" in "".join(one) or "  analysis" in "".join(one)
        assert [line.replace("threads 3", "threads 1") for line in several] == one
        assert contents(f"{suffix}-1") == contents(f"{suffix}-3")
        assert len(contents(f"{suffix}-3")) == COUNT - 1


def test_streams_that_are_broken_or_of_other_models(folder: Path, lic_run: LicRun) -> None:
    codecs = [Codec.load(model, "cpu", 1) for model in ("default", SINGLE_RATE)]
    Path("lci").mkdir()
    pictures = [photograph(20 + number, 30, number) for number in range(6)]
    for number, picture in enumerate(pictures):
        Path(f"lci/{number}.lci").write_bytes(codecs[number % 2].encode(picture))
    Path("lci/2.lci").write_bytes(Path("lci/2.lci").read_bytes()[:-1])
    Path("lci/3.lci").write_bytes(b"no stream")
    outcome = lic_run("decode", "lci", "--out-dir", "png", "-j", "2", "-m", "default")
    assert outcome.code == 1
    said = [line.split(maxsplit=1)[0] for line in outcome.stderr.splitlines()[:6]]
    assert said == ["lci/0.lci", "lic-run:", "lic-run:", "lic-run:", "lci/4.lci", "lic-run:"]
    for number, words in (
        (1, "needs model"),
        (2, "cut short"),
        (3, "not a licrt stream"),
        (5, "needs model"),
    ):
        assert re.match(rf"lic-run: .*lci/{number}\.lci: .*{words}", outcome.stderr.splitlines()[number])
    assert sorted(contents("png")) == ["0.png", "4.png"]


def test_streams_of_more_models_than_stay_loaded(
    folder: Path, lic_run: LicRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LICRT_MODEL_PATH", str(SINGLE_RATE.parent))
    names = ("bls2017", "mbt2018-mean", "bmshj2018-hyperprior")
    codecs = [Codec.load(SINGLE_RATE.parent / name, "cpu", 1) for name in names]
    Path("lci").mkdir()
    expected = {}
    for number in range(9):
        codec = codecs[number % 3]
        data = codec.encode(photograph(20 + number, 40, number))
        Path(f"lci/{number}.lci").write_bytes(data)
        expected[f"{number}.png"] = codec.decode(data)
    outcome = lic_run("decode", "lci", "--out-dir", "png", "-j", "2", "-v")
    assert outcome.code == 0
    assert outcome.stderr.count("model conformance-") == 9  # two stay loaded
    assert sorted(contents("png")) == sorted(expected)
    for name, rgb in expected.items():
        assert np.array_equal(np.asarray(Image.open(f"png/{name}")), rgb)


def test_standard_input_among_files_and_files_that_are_named_twice(folder: Path, lic_run: LicRun) -> None:
    data = Path("in/0.png").read_bytes()
    outcome = lic_run("encode", "in/1.png", "-", "in/2.png", "./in/1.png", "-j", "2", stdin=data)
    assert outcome.code == 0
    assert re.findall(r"^(\S+) -> (\S+)", outcome.stderr, re.MULTILINE) == [
        ("in/1.png", "in/1.lci"),
        ("stdin", "stdout"),
        ("in/2.png", "in/2.lci"),
    ]
    assert lic_run("encode", "in/0.png", "-o", "-").stdout == outcome.stdout


def test_verified_streams(folder: Path, lic_run: LicRun) -> None:
    outcome = lic_run("encode", "in/0.png", "in/1.png", "in/2.png", "--verify", "-j", "2")
    assert outcome.code == 0
    assert outcome.stderr.count("  verified, ") == 3


def test_results_that_appear_meanwhile_are_kept(folder: Path, lic_run: LicRun, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = Codec.encode

    def slow(self: Codec, rgb: np.ndarray, **options: object) -> bytes:
        Path("in/2.lci").write_bytes(b"precious")
        return encode(self, rgb, **options)

    monkeypatch.setattr(Codec, "encode", slow)
    outcome = lic_run("encode", "in/1.png", "in/2.png", "in/3.png", "-j", "2")
    assert outcome.code == 1
    assert "lic-run: in/2.png: cannot write in/2.lci: it exists. Pass -f to replace it" in outcome.stderr
    assert Path("in/2.lci").read_bytes() == b"precious"
    assert Path("in/3.lci").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("force", [[], ["-f"]])
def test_interrupts_leave_whole_files_and_no_others(number: int, code: int, force: list[str], folder: Path) -> None:
    many = [folder / f"{turn:03}.png" for turn in range(200)]
    for path in many:
        path.write_bytes((folder / "0.png").read_bytes())
    command = [sys.executable, "-m", "licrt.runtime", "encode", *map(str, many), "-j", "2", "--out-dir", "out", *force]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for _ in range(7):
            assert process.stderr.readline().startswith("in/")
        process.send_signal(number)
        rest = process.stderr.read().splitlines()
    assert process.returncode == code
    assert rest[-1] == f"lic-run: {'interrupted' if code == 130 else 'terminated'}"
    done = 7 + sum(line.startswith("in/") for line in rest)
    assert done < 200
    assert f"files   {done} of 200 done" in rest
    written = contents("out")
    assert sorted(written) in ([f"{path.stem}.lci" for path in many[: done + more]] for more in (0, 1))
    assert len(set(written.values())) == 1


def test_libraries_have_no_words_of_their_own(folder: Path) -> None:
    """Neither libtiff's nor Python's warnings about what Pillow finds, from whichever thread."""
    for number in range(6):
        Image.fromarray(photograph(60, 60, number)).save(f"in/{number}.tif", compression="tiff_adobe_deflate")
        data = bytearray(Path(f"in/{number}.tif").read_bytes())
        data[20:80] = bytes(60)
        Path(f"in/{number}.tif").write_bytes(data)
    command = [sys.executable, "-W", "always", "-m", "licrt.runtime", "encode", "-j", "2", "--quiet"]
    done = subprocess.run([*command, *(f"in/{number}.tif" for number in range(6))], capture_output=True, text=True)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 6
    for number, line in enumerate(lines):
        assert line.startswith(f"lic-run: in/{number}.tif: the picture is damaged or cut short (")
