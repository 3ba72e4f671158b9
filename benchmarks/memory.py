"""Peak resident memory of `lic-run encode` and `decode` on a large picture, each a whole process.

    .venv/bin/python benchmarks/memory.py MODEL PICTURE [WIDTH HEIGHT]

The picture, tiled to 7680x4320 unless told otherwise, keeps its natural statistics at any size.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PROGRAM = "import sys; from licrt.runtime.cli import main; main()"


def main() -> None:
    """Print the peak of both processes."""
    model, picture, width, height = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:5] or (7680, 4320))
    with tempfile.TemporaryDirectory() as folder:
        source, stream, target = (str(Path(folder) / name) for name in ("a.png", "a.lci", "b.png"))
        large(picture, width, height).save(source, compress_level=1)
        for command, arguments in {"encode": (source, "-o", stream), "decode": (stream, "-o", target)}.items():
            print(f"{command} {width}x{height}: {peak(command, *arguments, '-m', model)} MiB at most")


def large(picture: str, width: int, height: int) -> Image.Image:
    """Lay a picture side by side with itself until it covers a size."""
    tile, whole = Image.open(picture).convert("RGB"), Image.new("RGB", (width, height))
    for top in range(0, height, tile.height):
        for left in range(0, width, tile.width):
            whole.paste(tile, (left, top))
    return whole


def peak(*arguments: str) -> int:
    """Run `lic-run` and return the most memory that it held at a time, in MiB."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"lic-run {' '.join(arguments)} failed with code {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss // 1024


if __name__ == "__main__":
    main()
