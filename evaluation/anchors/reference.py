"""One intra frame of HM and VTM, the reference software of HEVC and VVC, as planes of 10-bit Y'CbCr 4:4:4."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from licrt.evaluation.anchors.programs import banner, find_program, first_match, run
from licrt.evaluation.anchors.yuv import DEPTH, rgb_to_yuv, yuv_to_rgb
from licrt.evaluation.file_codec import FileCodec, Rgb
from licrt.runtime.errors import BackendError, PictureError

if TYPE_CHECKING:
    from collections.abc import Sequence

QPS = (47, 42, 37, 32, 27, 22, 17)


def vtm() -> FileCodec:
    """VVC intra at the settings of JVET's common test conditions.

    Raises:
        BackendError: the programs, or their configuration, cannot be found.
    """
    return _anchor("vtm", "VTM", ("EncoderAppStatic", "EncoderApp"), ("DecoderAppStatic", "DecoderApp"),
                   "encoder_intra_vtm.cfg", (63, 0), r"VTM Encoder Version (\S+)")  # fmt: skip


def hm() -> FileCodec:
    """HEVC intra, range extensions.

    Raises:
        BackendError: as `vtm`.
    """
    return _anchor("hm", "HM", ("TAppEncoderStatic", "TAppEncoder"), ("TAppDecoderStatic", "TAppDecoder"),
                   "encoder_intra_main_rext.cfg", (51, 0), r"Encoder Version \[?([^\]\s]+)")  # fmt: skip


def _anchor(
    name: str,
    title: str,
    encoders: Sequence[str],
    decoders: Sequence[str],
    configuration: str,
    scale: tuple[int, int],
    version: str,
) -> FileCodec:
    encoder, decoder = find_program(name, *encoders), find_program(name, *decoders)
    configured = _configuration(name, encoder, configuration)

    def encoding(file: str, height: int | str, width: int | str, quality: int | str) -> list[str]:
        return [
            *("-c", file, "-i", "in.yuv", "-b", "out.bin", "-o", os.devnull, "-q", f"{quality}"),
            *("-wdt", f"{width}", "-hgt", f"{height}", "-fr", "1", "-f", "1"),
            *(f"--InputBitDepth={DEPTH}", "--InputChromaFormat=444", "--ConformanceWindowMode=1"),
        ]

    decoding = ["-b", "in.bin", "-o", "out.yuv", "-d", f"{DEPTH}"]

    def encode(rgb: Rgb, quality: int) -> bytes:
        height, width = rgb.shape[:2]
        with TemporaryDirectory(prefix="licrt-") as folder:
            (Path(folder) / "in.yuv").write_bytes(rgb_to_yuv(rgb))
            run([encoder, *encoding(str(configured), height, width, quality)], cwd=Path(folder))
            return (Path(folder) / "out.bin").read_bytes()

    def decode(data: bytes, height: int, width: int) -> Rgb:
        with TemporaryDirectory(prefix="licrt-") as folder:
            (Path(folder) / "in.bin").write_bytes(data)
            run([decoder, *decoding], cwd=Path(folder))
            try:
                return yuv_to_rgb((Path(folder) / "out.yuv").read_bytes(), height, width)
            except ValueError as error:
                raise PictureError(f"{name} decodes to something else: {error}") from error

    settings = " ; ".join(
        [
            shlex.join([encoders[-1], *encoding(configuration, "HEIGHT", "WIDTH", "QP")]),
            shlex.join([decoders[-1], *decoding]),
            f"BT.709, full range, {DEPTH} bit",
        ]
    )
    printed = first_match(version, banner([encoder]))
    return FileCodec(name, f"{title} intra", ".bin", "QP", scale, QPS, settings, f"{title} {printed}", encode, decode)


def _configuration(name: str, encoder: str, file: str) -> Path:
    """Return the encoder's configuration: named by a variable, or in `cfg` beside or above the program."""
    variable = f"LICRT_{name.upper()}_CONFIG"
    if variable in os.environ:
        named = Path(os.environ[variable]).absolute()
        if not named.is_file():
            raise BackendError(f"{name}: {variable} names {named}, which is no file")
        return named
    for folder in Path(encoder).resolve().parents[:4]:
        if (folder / "cfg" / file).is_file():
            return folder / "cfg" / file
    raise BackendError(f"{name}: {encoder} has no cfg/{file} beside or above it. Set {variable} to that file")
