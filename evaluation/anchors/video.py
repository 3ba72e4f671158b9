"""One intra frame of x265 and of SVT-AV1, through ffmpeg: raw RGB goes in by a pipe, an elementary stream comes out."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import numpy as np

from licrt.evaluation.anchors.programs import ProgramError, find_program, first_match, run
from licrt.evaluation.file_codec import FileCodec, Rgb
from licrt.runtime.errors import BackendError, PictureError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SMALLEST = 64  # sides; SVT-AV1 also wants them even
QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error")
EXACT = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
COLOUR = ("-color_range", "pc", "-colorspace", "bt709")


def x265() -> FileCodec:
    """HEVC main 4:4:4 10 intra by x265.

    Raises:
        BackendError: there is no ffmpeg with libx265.
    """

    def encoder(quality: int | str) -> list[str]:
        options = f"qp={quality}:keyint=1:info=0:pools=1:frame-threads=1"
        return ["-c:v", "libx265", "-preset", "slow", "-tune", "psnr", "-x265-params", options, "-f", "hevc"]

    return _anchor(
        "x265", "x265 intra", "yuv444p10le", encoder, "hevc", (51, 0), (42, 38, 34, 30, 26, 22, 18),
        r"HEVC encoder version (\S+)",
    )  # fmt: skip


def svt_av1() -> FileCodec:
    """AV1 4:2:0 10 bit intra by SVT-AV1, which has no 4:4:4; its tune for PSNR.

    Raises:
        BackendError: there is no ffmpeg with libsvtav1.
    """

    def encoder(quality: int | str) -> list[str]:
        return [
            *("-c:v", "libsvtav1", "-preset", "4", "-qp", f"{quality}", "-g", "1"),
            *("-svtav1-params", "tune=1:lp=1", "-f", "obu"),
        ]

    return _anchor(
        "svt-av1", "SVT-AV1 intra", "yuv420p10le", encoder, "obu", (63, 1), (60, 55, 50, 45, 40, 32, 24, 16),
        r"Encoder Lib (\S+)",
    )  # fmt: skip


def _anchor(
    name: str,
    title: str,
    samples: str,
    encoder: Callable[[int | str], Sequence[str]],
    form: str,
    scale: tuple[int, int],
    qualities: Sequence[int],
    version: str,
) -> FileCodec:
    ffmpeg = find_program(name, "ffmpeg")
    to_yuv = ("-vf", f"scale=out_color_matrix=bt709:out_range=pc:{EXACT},format={samples}")
    to_rgb = ("-vf", f"scale=in_color_matrix=bt709:in_range=pc:{EXACT},format=rgb24")

    def encoding(height: int | str, width: int | str, quality: int | str) -> list[str]:
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{height}", "-i", "-"]
        return ["ffmpeg", *QUIET, *source, "-frames:v", "1", *to_yuv, *encoder(quality), *COLOUR, "-"]

    decoding = ["ffmpeg", *QUIET, "-f", form, "-i", "-", *to_rgb, "-f", "rawvideo", "-"]

    def encode(rgb: Rgb, quality: int) -> bytes:
        padded = _pad(rgb)
        height, width = padded.shape[:2]
        command = encoding(height, width, quality)
        data, said = run([ffmpeg, *command[1:]], padded.tobytes())
        if not data:
            raise ProgramError(f"{shlex.join(command)} wrote nothing: {said.strip()}")
        return data

    def decode(data: bytes, height: int, width: int) -> Rgb:
        raw, _ = run([ffmpeg, *decoding[1:]], data)
        rows, columns = _padded_size(height, width)
        if len(raw) != 3 * rows * columns:
            raise PictureError(f"{name} decodes to {len(raw)} bytes instead of {columns} x {rows} pixels")
        return np.ascontiguousarray(np.frombuffer(raw, np.uint8).reshape(rows, columns, 3)[:height, :width])

    try:
        probe = [ffmpeg, *encoding(SMALLEST, SMALLEST, scale[0])[1:]]
        probe[probe.index("error")] = "info"
        _, said = run(probe, bytes(3 * SMALLEST * SMALLEST))
    except ProgramError as error:
        raise BackendError(f"{name}: {ffmpeg} cannot encode it ({error}). Install one that can") from error
    banner, _ = run([ffmpeg, "-version"])
    own, ffmpegs = first_match(version, said), first_match(r"ffmpeg version (\S+)", banner.decode())
    settings = " ; ".join(
        [shlex.join(encoding("HEIGHT", "WIDTH", "QP")), shlex.join(decoding), "padded to even sides of at least 64"]
    )
    return FileCodec(
        name, title, f".{form}", "QP", scale, qualities, settings, f"{title} {own}, ffmpeg {ffmpegs}", encode, decode
    )


def _padded_size(height: int, width: int) -> tuple[int, int]:
    rows, columns = (max(side + side % 2, SMALLEST) for side in (height, width))
    return rows, columns


def _pad(rgb: Rgb) -> Rgb:
    height, width = rgb.shape[:2]
    rows, columns = _padded_size(height, width)
    return np.pad(rgb, ((0, rows - height), (0, columns - width), (0, 0)), mode="edge")
