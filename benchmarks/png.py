"""Sizes and times of PNG files of decoded pictures: as `lic-run decode` writes them, beside Pillow's levels.

    .venv/bin/python benchmarks/png.py kodak photos/clic2025-validation

Each picture is coded and decoded with a model, cut to at most 2048 pixels a side, and written to memory in every way,
in turns. Which zlib Pillow has matters, and is printed; ADR 19 has what came out.
"""

from __future__ import annotations

import argparse
import io
import statistics
from pathlib import Path

from PIL import Image, features

from licrt.runtime import Codec
from licrt.runtime.cli.sources import PICTURES
from licrt.runtime.picture import Picture, read_picture, write_picture
from licrt.runtime.timing import turns

SIDE = 2048
LEVELS = (1, 4, 6)


def main() -> None:
    """Measure every folder, and print a line for each way to write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--model", default="default")
    parser.add_argument("--limit", type=int, help="pictures of each folder")
    arguments = parser.parse_args()
    codec = Codec.load(arguments.model)
    print(f"zlib {features.version('zlib')}, zlib-ng {features.version('zlib_ng') or 'not used'}")
    for folder in arguments.folders:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)[: arguments.limit]
        sizes: dict[str, int] = {}
        seconds: dict[str, list[float]] = {}
        for file in files:
            rgb = read_picture(file.read_bytes()).rgb[:SIDE, :SIDE]
            picture = Picture(codec.decode(codec.encode(rgb)), None, None, None)
            ways = {f"level {level}": lambda level=level, picture=picture: by_level(picture, level) for level in LEVELS}
            ways["lic-run"] = lambda picture=picture: len(write_picture(picture, "a.png"))
            (row,) = turns(ways, 1)
            for name, way in ways.items():
                sizes[name] = sizes.get(name, 0) + way()
                seconds.setdefault(name, []).append(row[name])
        for name, size in sizes.items():
            change = 100 * (size / sizes["level 4"] - 1)
            milliseconds = 1e3 * statistics.median(seconds[name])
            print(f"{folder.name}, {len(files)}: {name:8} {change:+6.2f} % {milliseconds:7.1f} ms")


def by_level(picture: Picture, level: int) -> int:
    """Return the bytes that Pillow takes at a level."""
    buffer = io.BytesIO()
    Image.fromarray(picture.rgb).save(buffer, "PNG", compress_level=level)
    return buffer.tell()


if __name__ == "__main__":
    main()
