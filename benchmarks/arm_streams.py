"""Whether streams of given bundles decode to the same latents here and on 64-bit ARM, with every set of kernels.

    .venv/bin/python benchmarks/arm_streams.py BUNDLE… --picture FILE… [--quality 0 50 100]

Pictures are encoded here, and decoded with licrt.h alone (examples/c/decode.c), here and on 64-bit ARM as
qemu emulates it; that takes Debian's g++-aarch64-linux-gnu and qemu-user-static. Prints a row for each stream, with the
sets of kernels that gave the encoder's latents, and stops with an error at the first one that does not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from licrt.runtime import Codec
from licrt.runtime.container import read_info

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from references.programs import build, cross, decode, flatten_to, qemu  # noqa: E402

WIDTHS = (40, 12, 8, 10, 10, 28, 22)


def main() -> None:
    """Build the decoder for both machines, and decode every picture of every model on both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", metavar="BUNDLE", help="a name, an id, or a directory")
    parser.add_argument("--picture", nargs="+", type=Path, default=[ROOT / "examples" / "photo.webp"])
    parser.add_argument("--quality", nargs="+", type=int, default=[0, 50, 100], help="of variable-rate models")
    parser.add_argument("--threads", type=int, default=2, help="of every decoder")
    arguments = parser.parse_args()
    row("model", "picture", "quality", "bytes", "latent", "here", "64-bit ARM")
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        here = build(folder / "here", targets=["decode"])
        arm = cross(folder / "arm", "aarch64", targets=["decode"])
        programs = ((here / "decode",), (*qemu("aarch64"), arm / "decode"))
        for bundle in arguments.bundles:
            codec = Codec.load(bundle, threads=arguments.threads)
            model = flatten_to(folder / "model.lcm", codec.info.path)
            qualities = arguments.quality if codec.info.arch.endswith("-vbr") else [None]
            for picture in arguments.picture:
                pixels = np.asarray(Image.open(picture).convert("RGB"))
                for quality in qualities:
                    data = codec.encode(pixels, quality=quality)
                    stream, info = folder / "stream.lci", read_info(data)
                    stream.write_bytes(data)
                    agreeing = [agree(model, stream, info.latent_crc, each, arguments.threads) for each in programs]
                    shown = "" if quality is None else str(quality)
                    row(codec.info.name, picture.stem, shown, str(info.size), f"{info.latent_crc:08x}", *agreeing)


def agree(model: Path, stream: Path, crc: int, program: Sequence[str | Path], threads: int) -> str:
    """Name the sets of kernels, all of which must give latents of this CRC-32."""
    (crcs,) = decode(model, [stream], *program, threads=threads)
    if set(crcs.values()) != {crc}:
        sys.exit(f"the encoder's latents have CRC-32 {crc:08x}, decoded ones {crcs}")
    return " ".join(crcs)


def row(*cells: str) -> None:
    """Print a row of the table."""
    print("".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip(), flush=True)


if __name__ == "__main__":
    main()
