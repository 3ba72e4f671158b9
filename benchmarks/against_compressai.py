"""CompressAI and licrt on the same checkpoint and pictures, in one run: bytes, PSNR, and decoding time.

    .venv/bin/export-model --arch mbt2018-mean --checkpoint FILE -o /tmp/model
    .venv/bin/python benchmarks/against_compressai.py /tmp/model FILE PICTURE...

Sizes are of real files: the whole `.lci` stream against CompressAI's strings, which have no header at all. Times are
from bytes in memory to 8-bit pixels in memory on both sides, in interleaved pairs with equal threads; only their ratio
means anything. CompressAI runs in the virtual environment that tests/oracle/create.sh makes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image

from licrt.runtime import Codec
from licrt.runtime.timing import seconds

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
from oracle_protocol import Oracle  # noqa: E402


def main() -> None:
    """Compare rate and quality on every picture, then time the first one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="bundle directory, or name of an installed model")
    parser.add_argument("checkpoint", type=Path, help="the checkpoint that it was exported from")
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=15, help="interleaved pairs to time; 0 for none")
    parser.add_argument("--level", type=int, help="trained level of a variable-rate model, 0 to 7")
    parser.add_argument("--oracle", type=Path, default=ROOT / ".venv-oracle" / "bin" / "python")
    arguments = parser.parse_args()
    codec = Codec.load(arguments.model, threads=arguments.threads)
    with closing(Oracle(arguments.oracle, arguments.threads)) as oracle:
        oracle("set_threads", count=arguments.threads)
        oracle("load", path=str(arguments.checkpoint), arch=codec.info.arch)
        worst = compare(codec, oracle, arguments.pictures, arguments.level)
        if arguments.pairs:
            time_decoding(codec, oracle, arguments.pictures[0], arguments.pairs, arguments.level)
    print(f"largest excess over CompressAI + 0.5 %: {worst[0]:+.0f} bytes (limit +100)")
    print(f"largest PSNR loss {worst[1]:+.4f} dB (limit 0.02)")


def compare(codec: Codec, oracle: Oracle, pictures: list[Path], level: int | None) -> tuple[float, float]:
    """Print bytes and PSNR of both on every picture; return the largest excesses of ours."""
    print(f"{'picture':<16}{'CompressAI B':>14}{'licrt B':>10}{'excess':>9}{'CompressAI dB':>15}{'licrt dB':>10}")
    rows = []
    for path in pictures:
        theirs = oracle("compress", path=str(path), **levels(level)) | oracle("decompress")
        pixels = np.asarray(Image.open(path).convert("RGB"))
        data = codec.encode(pixels, quality=quality_of(level))
        quality = psnr(pixels, codec.decode(data))
        rows.append((theirs["bytes"], len(data), theirs["psnr"], quality, pixels.shape[0] * pixels.shape[1]))
        excess = 100 * (len(data) / theirs["bytes"] - 1)
        print(
            f"{path.stem:<16}{theirs['bytes']:>14}{len(data):>10}{excess:>+8.2f}%{theirs['psnr']:>15.4f}{quality:>10.4f}"
        )
    theirs_bytes, our_bytes, theirs_db, our_db, area = (np.array(column, float) for column in zip(*rows, strict=True))
    print(
        f"{'mean':<16}{theirs_bytes.mean():>14.1f}{our_bytes.mean():>10.1f}"
        f"{100 * (our_bytes.sum() / theirs_bytes.sum() - 1):>+8.2f}%{theirs_db.mean():>15.4f}{our_db.mean():>10.4f}"
    )
    print(f"bpp: CompressAI {np.mean(8 * theirs_bytes / area):.4f}, licrt {np.mean(8 * our_bytes / area):.4f}")
    return float((our_bytes - 1.005 * theirs_bytes).max()), float((theirs_db - our_db).max())


def time_decoding(codec: Codec, oracle: Oracle, path: Path, pairs: int, level: int | None) -> None:
    """Time decoding of one picture in interleaved pairs."""
    oracle("compress", path=str(path), **levels(level))
    oracle("decompress")
    data = codec.encode(np.asarray(Image.open(path).convert("RGB")), quality=quality_of(level))
    codec.decode(data)
    ours, theirs = [], []
    for _ in range(pairs):
        theirs += oracle("decompress")["seconds"]
        ours.append(seconds(lambda: codec.decode(data)))
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    stages: dict[str, float] = {}
    codec.decode(data, on_stage=stages.__setitem__)
    print(
        f"decoding {path.stem}: licrt {1e3 * statistics.median(ours):.1f} ms, "
        f"CompressAI {1e3 * statistics.median(theirs):.1f} ms, median ratio of {pairs} pairs "
        f"{statistics.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"
    )
    print("stages of licrt:", ", ".join(f"{name} {1e3 * seconds:.1f} ms" for name, seconds in stages.items()))


def levels(level: int | None) -> dict[str, int]:
    """Name a trained level to CompressAI."""
    return {} if level is None else {"s": level}


def quality_of(level: int | None) -> int | None:
    """Return the quality that picks a trained level: the gains are evenly spaced in their logarithm."""
    return None if level is None else round(100 * level / 7)


def psnr(original: np.ndarray, decoded: np.ndarray) -> float:
    """PSNR over 8-bit RGB, in dB."""
    return float(10 * np.log10(255**2 / np.mean((original.astype(np.float64) - decoded) ** 2)))


if __name__ == "__main__":
    main()
