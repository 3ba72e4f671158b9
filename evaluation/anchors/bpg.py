"""BPG: HEVC intra in a file format of its own, by libbpg's programs."""

from __future__ import annotations

import io
import shlex
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from licrt.evaluation.anchors.programs import banner, find_program, first_match, run
from licrt.evaluation.file_codec import FileCodec, Rgb

ENCODER, DECODER = "bpgenc", "bpgdec"


def bpg() -> FileCodec:
    """BPG with full chroma in 10 bits and the slowest search.

    Raises:
        BackendError: its programs are not on the PATH.
    """
    encoder, decoder = find_program("bpg", ENCODER), find_program("bpg", DECODER)

    def encoding(quality: int | str) -> list[str]:
        return ["-f", "444", "-b", "10", "-m", "9", "-q", f"{quality}", "-o", "out.bpg", "in.png"]

    decoding = ["-b", "8", "-o", "out.png", "in.bpg"]

    def encode(rgb: Rgb, quality: int) -> bytes:
        with TemporaryDirectory(prefix="licrt-") as name:
            folder = Path(name)
            Image.fromarray(rgb).save(folder / "in.png", compress_level=1)
            run([encoder, *encoding(quality)], cwd=folder)
            return (folder / "out.bpg").read_bytes()

    def decode(data: bytes, height: int, width: int) -> Rgb:  # noqa: ARG001
        with TemporaryDirectory(prefix="licrt-") as name:
            folder = Path(name)
            (folder / "in.bpg").write_bytes(data)
            run([decoder, *decoding], cwd=folder)
            with Image.open(io.BytesIO((folder / "out.png").read_bytes())) as image:
                return np.array(image.convert("RGB"))

    settings = f"{shlex.join([ENCODER, *encoding('QP')])} ; {shlex.join([DECODER, *decoding])}"
    version = first_match(r"version (\S+)", banner([encoder, "-h"]))
    return FileCodec(
        "bpg", "BPG", ".bpg", "QP", (51, 0), (44, 40, 36, 32, 28, 24, 20), settings, f"libbpg {version}", encode, decode
    )  # fmt: skip
