"""Thousands of small pictures through the process pool, through a pool that is killed half-way, and through Ray.

    .venv/bin/python benchmarks/large_set.py PICTURES [COUNT] [WORKERS]

PICTURES is a folder of photographs that 2,000 (COUNT) parts of 16 to 200 pixels a side are cut from. Prints the seconds
of each run of 2 (WORKERS) processes or actors, and fails unless all results and files are the same.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

LIC_EVAL = [sys.executable, "-m", "licrt.evaluation", "rd"]


def main() -> None:
    """Measure the set three times and compare."""
    source, count, workers = Path(sys.argv[1]), *map(int, [*sys.argv[2:], *("2000", "2")[len(sys.argv) - 2 :]])
    with tempfile.TemporaryDirectory() as folder:
        pictures = cut(source, Path(folder) / "set", count)
        results = {}
        for name, options in (("processes", []), ("killed", []), ("ray", ["--ray", "local"])):
            output = Path(folder) / name
            command = [*LIC_EVAL, str(pictures), "-o", str(output), "-j", str(workers), "--threads", "1", *options]
            if name == "killed":
                print(f"killed after {kill_half_way(command, output / 'manifest.jsonl', count):,} of {count:,}")
            begin = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            print(f"{name:<10} {time.perf_counter() - begin:8.1f} s", flush=True)
            results[name] = everything(output)
    if not all(result == results["processes"] for result in results.values()):
        raise SystemExit("the results differ")
    print(f"the results of {count:,} pictures, and their files, are the same")


def cut(source: Path, target: Path, count: int) -> Path:
    """Cut parts out of photographs, the same ones every time."""
    target.mkdir()
    photographs = []
    for path in sorted(source.iterdir()):
        if path.suffix in {".png", ".webp", ".jpg"}:
            with Image.open(path) as image:
                photographs.append(image.convert("RGB"))
    random = np.random.default_rng(5)
    for number in range(count):
        photograph = photographs[number % len(photographs)]
        width, height = (int(side) for side in random.integers(16, 201, 2))
        left, top = int(random.integers(photograph.width - width)), int(random.integers(photograph.height - height))
        part = photograph.crop((left, top, left + width, top + height))
        part.save(target / f"{number:05}.png", compress_level=1)
    return target


def kill_half_way(command: list[str], manifest: Path, count: int) -> int:
    """Kill a run as soon as half of its results are there; returns how many are."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and lines(manifest) - 1 < count // 2:
            time.sleep(0.05)
        process.kill()
    return lines(manifest) - 1


def lines(manifest: Path) -> int:
    """Count whole lines."""
    return manifest.read_bytes().count(b"\n") if manifest.exists() else 0


def everything(output: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return all results but for their times, and hashes of all encoded files."""
    block = json.loads(next(output.glob("*.json")).read_text())["licrt"]
    images = [{**image, "seconds": None} for point in block["points"] for image in point["images"]]
    files = {str(p.relative_to(output)): hashlib.sha256(p.read_bytes()).hexdigest() for p in output.rglob("*.lci")}
    if lines(output / "manifest.jsonl") != len(images) + 1:
        raise SystemExit(f"{output}: something was measured twice")
    return images, files


if __name__ == "__main__":
    main()
