"""Make the published curves from CompressAI's results: numbers, in one small file per set of pictures.

python benchmarks/published_curves.py COMPRESSAI/results/image [FOLDER]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "evaluation" / "published"
METRICS = ("bpp", "psnr-rgb", "ms-ssim-rgb", "ms-ssim-db-rgb")
DIGITS = 8  # MS-SSIM has four nines
ARCHITECTURES = (
    "bmshj2018-factorized",
    "bmshj2018-hyperprior",
    "mbt2018-mean",
    "mbt2018",
    "cheng2020-anchor",
    "cheng2020-attn",
)
DATASETS = {  # and how many pictures, where that is certain
    "kodak": ("Kodak, 24 pictures of 768x512", 24),
    "clic2020-mobile": ("CLIC 2020, mobile", None),
    "clic2020-professional": ("CLIC 2020, professional", None),
}
# Where the file says no more than the codec's name, its version is not known.
CODECS = {
    "vtm": ("vtm", "VTM, VVC's reference software, intra, 4:4:4; version not recorded"),
    "hm": ("hm", "HM, HEVC's reference software, intra, 4:4:4; version not recorded"),
    "bpg": ("bpg_444_x265_ycbcr", "BPG 0.9.8, 8 bit, 4:4:4, x265"),
    "av1": ("av1", "libaom, intra; version not recorded"),
    "webp": ("webp", "WebP of Pillow 7.1.2"),
    "jpeg": ("jpeg", "JPEG of Pillow 7.1.2"),
    "jpeg2000": ("jpeg2000", "JPEG 2000 of ffmpeg 3.4.6"),
}
FLOAT = "CompressAI's weights and coder on CUDA; metrics of float pictures, bytes of the strings without a header"
ROUNDED = "CompressAI's weights and coder on CUDA; metrics of 8-bit pictures, bytes of the strings without a header"
VARIABLE = "CompressAI's weights and coder, one checkpoint; metrics of float pictures, bytes of the strings"
AUTHORS = "published by the authors"
PAPER = "from the paper, as CompressAI has it"


def curves(folder: Path) -> dict[str, tuple[Path, str]]:
    """List what a set has: by name, the file and how it was measured."""
    found = {name: (folder / f"{file}.json", how) for name, (file, how) in CODECS.items()}
    for arch in ARCHITECTURES:
        for metric in ("mse", "ms-ssim"):
            found[f"{arch}-{metric}"] = (folder / f"compressai-{arch}_{metric}_cuda.json", FLOAT)
        # The 8-bit files of the models that were trained for MS-SSIM hold the numbers of the others.
        rounded = folder.parent / "8bit-decoded" / folder.name / f"compressai-{arch}_mse_ans_cuda.json"
        found[f"{arch}-mse-8bit"] = (rounded, ROUNDED)
    for path in folder.glob("*-vbr-ans.json"):
        found[path.stem.removesuffix("-ans")] = (path, VARIABLE)
    for path in folder.glob("paper-*.json"):
        found[path.stem.replace("_", "-")] = (path, AUTHORS)
    return {name: (path, how) for name, (path, how) in sorted(found.items()) if path.exists()}


def compact(name: str, path: Path, how: str) -> dict[str, object]:
    """Return one curve, by rising rate."""
    data = json.loads(path.read_text())
    paper = data.get("meta", {}).get("url")
    results = data["results"]
    order = sorted(range(len(results["bpp"])), key=results["bpp"].__getitem__)
    columns = {metric: [round(results[metric][i], DIGITS) for i in order] for metric in METRICS if metric in results}
    return {"name": name, "how": f"{PAPER}, {paper}" if paper else how, **columns}


def main(results: Path, folder: Path = FOLDER) -> None:
    """Write every set's file."""
    for dataset, (title, images) in DATASETS.items():
        lines = [
            json.dumps(compact(name, path, how), ensure_ascii=False)
            for name, (path, how) in curves(results / dataset).items()
        ]
        head = {
            "format": "licrt published curves 1",
            "dataset": dataset,
            "title": title,
            "images": images,
            "source": f"CompressAI, results/image/{dataset}, https://github.com/InterDigitalInc/CompressAI",
            "licence": "BSD-3-Clause-Clear, (c) InterDigital Communications; the numbers only",
        }
        text = json.dumps(head, indent=1)[:-2] + ',\n "curves": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"
        (folder / f"{dataset}.json").write_text(text)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
