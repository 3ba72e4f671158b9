"""Writes one manifest for every pretrained file of CompressAI's zoo, from table.tsv.

    python zoo_manifests/generate.py

A row of the table is a file at one rate; files of variable rate have several. Everything that follows from
architecture, metric and quality is said once, here. docs/zoo.md explains the entries.
"""

from __future__ import annotations

import csv
import itertools
import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = "https://compressai.s3.amazonaws.com/models/v1/"
LICENCE = (
    "not stated for the weights; they are published with CompressAI, whose repository is BSD-3-Clause-Clear and grants"
    " no patent rights"
)
LAMBDAS = {
    "mse": (0.0018, 0.0035, 0.0067, 0.013, 0.025, 0.0483, 0.0932, 0.18),
    "ms-ssim": (2.4, 4.58, 8.73, 16.64, 31.73, 60.5, 115.37, 220.0),
}
# N and M up to a quality, and above it.
SIZES = {
    "bmshj2018-factorized": (5, (128, 192), (192, 320)),
    "bmshj2018-hyperprior": (5, (128, 192), (192, 320)),
    "mbt2018-mean": (4, (128, 192), (192, 320)),
    "mbt2018": (4, (192, 192), (192, 320)),
    "cheng2020-anchor": (3, (128, 128), (192, 192)),
    "cheng2020-attn": (3, (128, 128), (192, 192)),
    "bmshj2018-hyperprior-vbr": (0, (), (192, 320)),
    "mbt2018-mean-vbr": (0, (), (192, 320)),
    "mbt2018-vbr": (0, (), (192, 320)),
    "ssf2020": (9, (128, 192), ()),
}
SMALLER = {("cheng2020-anchor", "ms-ssim", 4): (128, 128)}  # than SIZES say
NOTES = {
    ("cheng2020-anchor", "ms-ssim", 4): "N is 128, although CompressAI's table says 192 (CompressAI issue 100)",
    ("cheng2020-anchor", "mse", 6): "fails visibly on textures of high frequency (CompressAI issue 229)",
}
UNSUPPORTED = {"ssf2020": "it codes video, which licrt cannot do yet"}


def manifests() -> dict[str, str]:
    """Return the text of every file, by name."""
    with (HERE / "table.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    grouped = itertools.groupby(rows, key=lambda row: (row["arch"], row["metric"], row["quality"], row["file"]))
    made = [_manifest(*key, list(group)) for key, group in grouped]
    return {f"{each['name']}.json": json.dumps(each, indent=2) + "\n" for each in made}


def _manifest(arch: str, metric: str, quality: str, file: str, rows: list[dict[str, str]]) -> dict[str, Any]:
    variable = quality == "-"
    number = None if variable else int(quality)
    key = (arch, metric, number)
    last, small, large = SIZES[arch]
    channels, latent_channels = SMALLER.get(key) or (small if number and number <= last else large)
    lambdas = LAMBDAS[metric] if variable else LAMBDAS[metric][number - 1 : number]
    if arch in UNSUPPORTED:
        lambdas = ()  # not published
    return {
        "format": "licrt-zoo",
        "format_version": 1,
        "name": f"{arch}-{metric}" if variable else f"{arch}-{metric}-{quality}",
        "arch": arch,
        "metric": metric,
        "quality": number,
        "channels": channels,
        "latent_channels": latent_channels,
        "lambdas": list(lambdas),
        "root": ROOT,
        "file": file,
        "sha256_prefix": re.fullmatch(r".*-([0-9a-f]{8})\.pth\.tar", file)[1],
        "licence": LICENCE,
        "notes": [NOTES[key]] if key in NOTES else [],
        "kodak": _kodak(metric, rows, variable=variable),
        "supported": arch not in UNSUPPORTED,
        "reason": UNSUPPORTED.get(arch, ""),
    }


def _kodak(metric: str, rows: list[dict[str, str]], *, variable: bool) -> dict[str, Any] | None:
    """Published results on the 24 Kodak pictures, and whether they were measured on pictures rounded to 8 bit."""
    if rows[0]["bpp"] == "-":
        return None
    # CompressAI's files of 8-bit results for MS-SSIM hold those for MSE.
    pixels = "unstated" if variable else {"mse": "8-bit", "ms-ssim": "float"}[metric]
    points = [{"bpp": float(r["bpp"]), "psnr": float(r["psnr"]), "ms_ssim": float(r["ms-ssim"])} for r in rows]
    return {"pixels": pixels, "points": points}


if __name__ == "__main__":
    for name, text in manifests().items():
        (HERE / name).write_text(text, encoding="utf-8")
