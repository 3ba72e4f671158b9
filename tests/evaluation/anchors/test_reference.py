"""BPG, HM and VTM: what is asked of programs that are not to be had everywhere.

Scripts stand in for them that keep the picture as it is and write down their arguments: what is tested is how programs
and their configuration are found, what they are called with, and that planes and pictures reach them and come back.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from references.tiny_photo import photo

from licrt.evaluation import anchors
from licrt.evaluation.anchors.yuv import rgb_to_yuv, yuv_to_rgb
from licrt.runtime.errors import BackendError, LicrtError

if TYPE_CHECKING:
    from pathlib import Path

# Copies what follows -i to what follows -b, and with them the wrong way round for the decoder.
KEEPER = """#!/bin/sh
[ $# = 0 ] && echo "{banner}" && exit 1
echo "$@" >> {log}
while [ $# -gt 0 ]; do
  case $1 in -i) from=$2 ;; -b) bits=$2 ;; -o) out=$2 ;; esac
  shift
done
if [ -n "$from" ]; then cp "$from" "$bits"; else cp "$bits" "$out"; fi
"""
BPG = """#!/bin/sh
[ "$1" = -h ] && echo "BPG Image Encoder version 0.9.8" && exit 1
echo "$@" >> {log}
while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; shift; done
cp "$1" "$out"
"""
NAMES = {
    "vtm": ("EncoderAppStatic", "DecoderAppStatic", "encoder_intra_vtm.cfg"),
    "hm": ("TAppEncoder", "TAppDecoder", "encoder_intra_main_rext.cfg"),
}
BANNERS = {
    "vtm": "VVCSoftware: VTM Encoder Version 23.4 [Linux][GCC 12.2.0][64 bit]",
    "hm": "HM software: Encoder Version [16.20] (including RExt)[Linux][GCC 12.2.0][64 bit]",
}


def install(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)


@pytest.fixture(params=NAMES)
def name(request, tmp_path: Path, monkeypatch) -> str:
    """Of a codec whose programs are in `bin`, with their configuration beside that, in `cfg`."""
    encoder, decoder, configuration = NAMES[request.param]
    for program in (encoder, decoder):
        script = KEEPER.format(banner=BANNERS[request.param], log=tmp_path / "log")
        install(tmp_path / "bin" / program, script)
    (tmp_path / "cfg").mkdir()
    (tmp_path / "cfg" / configuration).write_text("# nothing\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.defpath}")
    return request.param


def test_planes_go_there_and_come_back(name, tmp_path: Path) -> None:
    codec = anchors.find(name)
    original = photo(37, 50)
    data = codec.encode(original, 32)
    assert data == rgb_to_yuv(original)
    assert np.array_equal(codec.decode(data, 37, 50), original)
    asked, back = (tmp_path / "log").read_text().splitlines()
    assert asked.startswith(f"-c {tmp_path / 'cfg' / NAMES[name][2]} ")
    for argument in ("-q 32", "-wdt 50", "-hgt 37", "-f 1", "--InputBitDepth=10", "--InputChromaFormat=444"):
        assert f" {argument}" in asked
    assert back == "-b in.bin -o out.yuv -d 10"


def test_versions_are_those_of_their_banners(name) -> None:
    assert anchors.find(name).version == {"vtm": "VTM 23.4", "hm": "HM 16.20"}[name]


def test_streams_of_another_size_are_errors(name) -> None:
    codec = anchors.find(name)
    with pytest.raises(LicrtError, match=f"{name} decodes to something else"):
        codec.decode(rgb_to_yuv(photo(8, 8)), 8, 10)


def test_the_configuration_is_needed_and_can_be_named(name, tmp_path: Path, monkeypatch) -> None:
    shutil.move(tmp_path / "cfg" / NAMES[name][2], tmp_path / "mine.cfg")
    with pytest.raises(BackendError, match=f"Set LICRT_{name.upper()}_CONFIG"):
        anchors.find(name)
    monkeypatch.setenv(f"LICRT_{name.upper()}_CONFIG", str(tmp_path / "mine.cfg"))
    anchors.find(name).encode(photo(8, 8), 20)
    assert f"-c {tmp_path / 'mine.cfg'}" in (tmp_path / "log").read_text()
    monkeypatch.setenv(f"LICRT_{name.upper()}_CONFIG", str(tmp_path / "none.cfg"))
    with pytest.raises(BackendError, match="which is no file"):
        anchors.find(name)


def test_programs_that_fail_are_quoted(name, tmp_path: Path) -> None:
    codec = anchors.find(name)
    install(tmp_path / "bin" / NAMES[name][0], "#!/bin/sh\necho some words\necho the reason >&2\nexit 3\n")
    with pytest.raises(LicrtError, match="exited with 3: the reason"):
        codec.encode(photo(8, 8), 32)


def test_bpg(tmp_path: Path, monkeypatch) -> None:
    for program in ("bpgenc", "bpgdec"):
        install(tmp_path / "bin" / program, BPG.format(log=tmp_path / "log"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.defpath}")
    codec = anchors.find("bpg")
    original = photo(21, 34)
    assert codec.version == "libbpg 0.9.8"
    assert np.array_equal(codec.decode(codec.encode(original, 30), 21, 34), original)
    asked, back = (tmp_path / "log").read_text().splitlines()
    assert asked == "-f 444 -b 10 -m 9 -q 30 -o out.bpg in.png"
    assert back == "-b 8 -o out.png in.bpg"


def test_planes_are_those_of_ffmpeg(ffmpeg) -> None:
    """Full-range BT.709, as another program has it, up to rounding."""
    import subprocess

    original = photo(32, 48)
    command = [ffmpeg, "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "48x32", "-i", "-", "-vf"]
    command += ["scale=out_color_matrix=bt709:out_range=pc:flags=accurate_rnd+full_chroma_int+full_chroma_inp"]
    command += ["-pix_fmt", "yuv444p10le", "-f", "rawvideo", "-"]
    theirs = subprocess.run(command, input=original.tobytes(), capture_output=True, check=True).stdout
    planes = [np.frombuffer(data, "<u2").astype(int) for data in (rgb_to_yuv(original), theirs)]
    assert np.abs(planes[0] - planes[1]).max() <= 4
    assert abs((planes[0] - planes[1]).mean()) < 1
    assert np.abs(yuv_to_rgb(theirs, 32, 48).astype(int) - original).max() <= 2
