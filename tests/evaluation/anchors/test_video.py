"""x265 and SVT-AV1 through ffmpeg: what ffprobe finds in their files, and an ffmpeg that lacks them."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
from references.tiny_photo import photo

from licrt.evaluation import anchors
from licrt.runtime.errors import BackendError, LicrtError
from licrt.runtime.pixels import psnr

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("ffmpeg")


@pytest.mark.parametrize(
    ("name", "codec_name", "samples"), [("x265", "hevc", "yuv444p10le"), ("svt-av1", "av1", "yuv420p10le")]
)
def test_one_intra_frame_of_the_promised_samples(name, codec_name, samples, tmp_path: Path) -> None:
    codec = anchors.find(name)
    path = tmp_path / f"a{codec.suffix}"
    path.write_bytes(codec.encode(photo(70, 91), codec.qualities[2]))
    probe = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_frames", path]
    found = json.loads(subprocess.run(probe, capture_output=True, check=True).stdout)
    (stream,) = found["streams"]
    assert (stream["codec_name"], stream["pix_fmt"]) == (codec_name, samples)
    assert (stream["width"], stream["height"]) == (92, 70)
    assert (stream["color_range"], stream["color_space"]) == ("pc", "bt709")
    (frame,) = found["frames"]
    assert (frame["pict_type"], frame["key_frame"]) == ("I", 1)


@pytest.mark.parametrize("name", ["x265", "svt-av1"])
def test_colours_survive(name) -> None:
    """A wrong matrix or range would shift all of them; this is far below what quantisation does to flat areas."""
    codec = anchors.find(name)
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [200, 120, 40]], np.uint8)
    original = np.repeat(np.repeat(colours.reshape(2, 3, 3), 64, axis=0), 64, axis=1)
    decoded = codec.decode(codec.encode(original, 16), *original.shape[:2])
    centres = decoded[32::64, 32::64].reshape(-1, 3).astype(int)
    assert np.abs(centres - colours).max() <= 4
    assert psnr(original, decoded) > 30


def test_damaged_files_are_errors_of_ours() -> None:
    codec = anchors.find("x265")
    with pytest.raises(LicrtError, match=r"x265 decodes to 0 bytes|exited with"):
        codec.decode(b"no stream", 64, 64)
    larger = codec.encode(photo(128, 128), 30)
    with pytest.raises(LicrtError, match="instead of 64 x 64 pixels"):
        codec.decode(larger, 64, 64)


def test_an_ffmpeg_without_the_encoder_is_told(monkeypatch, tmp_path: Path, ffmpeg: Path) -> None:
    wrapper = tmp_path / "ffmpeg"
    wrapper.write_text(f'#!/bin/sh\nexec {ffmpeg} $(echo " $@" | sed "s/libx265/libnothing/")\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(BackendError, match=r"x265: .* cannot encode it .*libnothing"):
        anchors.find("x265")
