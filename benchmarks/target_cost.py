"""What a bundle for TensorRT costs against the plain one of the same model: precision, and the rim of padded pictures.

    .venv/bin/python benchmarks/target_cost.py PLAIN TARGET PICTURE [PICTURE …] [--crop HEIGHTxWIDTH]

Codes each picture with both bundles, on the CPU; the target's tensors are rounded to fp16 or bf16, sums are in float32.
Prints for encoding the extra rate and the lost PSNR (decoded with the plain bundle), for decoding the lost PSNR and the
largest difference, and what is lost within 32 pixels of the right and bottom borders.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from licrt.export.precision_cost import emulated
from licrt.runtime import Codec
from licrt.runtime.pixels import psnr

RIM = 32  # pixels: two latents, which a hyper-prior's synthesis sees


def main() -> None:
    """Code the pictures and print one line for each measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plain", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--crop", help="middle of each picture, HEIGHTxWIDTH [default: all of it]")
    parser.add_argument("--quality", type=int, help="of models of variable rate")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    plain = Codec.load(arguments.plain, threads=arguments.threads)
    target = emulated(arguments.target, arguments.threads)
    rows = []
    for path in arguments.pictures:
        rgb = cropped(np.asarray(Image.open(path).convert("RGB")), arguments.crop)
        first, second = (codec.encode(rgb, quality=arguments.quality) for codec in (plain, target))
        expected, other, encoded = plain.decode(first), target.decode(first), plain.decode(second)
        difference = np.abs(expected.astype(int) - other)
        rim = np.ones(rgb.shape[:2], bool)
        rim[:-RIM, :-RIM] = False
        losses = [psnr(rgb, expected) - psnr(rgb, each) for each in (encoded, other)]
        rim_loss = psnr(rgb[rim][None], expected[rim][None]) - psnr(rgb[rim][None], other[rim][None])
        rows.append([len(first), len(second), *losses, rim_loss, difference.max(), difference[rim].mean()])
    table = np.array(rows)
    rate = 100 * (table[:, 1].sum() / table[:, 0].sum() - 1)
    encode_db, decode_db, rim_db = table[:, 2:5].mean(axis=0)
    print(f"{len(rows)} pictures; target {arguments.target}")
    print(f"encoding: {rate:+.3f} % rate, {encode_db:+.4f} dB")
    print(f"decoding: {decode_db:+.4f} dB, at most {int(table[:, 5].max())} levels")
    print(f"decoding, right and bottom {RIM} pixels: {rim_db:+.4f} dB, {table[:, 6].mean():.3f} levels in the mean")


def cropped(rgb: np.ndarray, size: str | None) -> np.ndarray:
    """The middle of a picture."""
    height, width = map(int, size.split("x")) if size else rgb.shape[:2]
    top, left = (rgb.shape[0] - height) // 2, (rgb.shape[1] - width) // 2
    return np.ascontiguousarray(rgb[top : top + height, left : left + width])


if __name__ == "__main__":
    main()
