"""Encode and decode one photograph with lic-run, and compare with JPEG, WebP and AVIF at the same number of bytes.

python examples/demo.py        needs licrt[cpu] only; results go to demo-out/
"""

from __future__ import annotations

import io
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from licrt.runtime import Codec

if TYPE_CHECKING:
    from collections.abc import Callable

Rgb = npt.NDArray[np.uint8]
T = TypeVar("T")

PHOTOGRAPH = Path(__file__).with_name("photo.webp")
OUTPUT = Path(__file__).parent.parent / "demo-out"
CROP = (272, 80, 512, 320)  # rock, sky and cloud
CALLS = 5

# What Pillow is asked for, and the qualities that it understands, lowest first.
RIVALS = {
    "JPEG": ({"optimize": True, "subsampling": "4:2:0"}, range(1, 96)),
    "WebP": ({"method": 6}, range(101)),
    "AVIF": ({"speed": 6}, range(101)),
}


@dataclass(frozen=True)
class Result:
    """One codec on the photograph. Times are medians of calls in this process, in seconds."""

    name: str
    setting: str
    size: int
    rgb: Rgb
    encode: float
    decode: float

    def psnr(self, original: Rgb) -> float:
        """Return the peak signal-to-noise ratio over all RGB samples, in dB."""
        error = np.mean((original.astype(np.float64) - self.rgb) ** 2)
        return float(10 * np.log10(255**2 / error)) if error else float("inf")


def main() -> None:
    OUTPUT.mkdir(exist_ok=True)
    with Image.open(PHOTOGRAPH) as image:
        original = np.array(image.convert("RGB"))
    cold = run_lic_run()
    ours = measure_ours(original, OUTPUT / "photo.lci", OUTPUT / "photo.png")
    results = [ours, *(measure_rival(name, original, ours.size) for name in RIVALS)]
    pixels = original.shape[0] * original.shape[1]
    print(f"{PHOTOGRAPH.name}, {original.shape[1]} x {original.shape[0]}; rivals get at most {ours.size:,} bytes")
    print()
    print_table(results, original, pixels)
    print()
    print("lic-run as a process of its own, start and model loading included: ", end="")
    print(f"encode {1e3 * cold[0]:.0f} ms, decode {1e3 * cold[1]:.0f} ms")
    print(verdict(results, original))
    side_by_side(original, results, OUTPUT / "side-by-side.png")
    print(f"see {OUTPUT.name}/: photo.lci, photo.png, side-by-side.png")


def run_lic_run() -> tuple[float, float]:
    """Encode and decode with the real command; return the seconds that each took."""
    beside = Path(sys.executable).with_name("lic-run")
    program = str(beside) if beside.exists() else shutil.which("lic-run")
    if program is None:
        raise SystemExit("lic-run is not installed here. Run: pip install '.[cpu]'")
    stream, picture = str(OUTPUT / "photo.lci"), str(OUTPUT / "photo.png")
    seconds = []
    for arguments in (["encode", str(PHOTOGRAPH), "-o", stream, "-f"], ["decode", stream, "-o", picture, "-f"]):
        print("$", "lic-run", *(Path(a).name if "/" in a else a for a in arguments))
        begin = time.perf_counter()
        subprocess.run([program, *arguments, "--quiet"], check=True)
        seconds.append(time.perf_counter() - begin)
    print()
    return seconds[0], seconds[1]


def measure_ours(original: Rgb, stream: Path, picture: Path) -> Result:
    """Time the same work in this process; what the commands wrote must come out of it again."""
    codec = Codec.load("default")
    data, encode = timed(lambda: codec.encode(original))
    rgb, decode = timed(lambda: codec.decode(data))
    with Image.open(picture) as image:
        if data != stream.read_bytes() or not np.array_equal(rgb, np.array(image)):
            raise SystemExit("lic-run and this process disagree. Please report this with the output of lic-run doctor")
    return Result("licrt", codec.info.name, len(data), rgb, encode, decode)


def measure_rival(name: str, original: Rgb, budget: int) -> Result:
    """Find the highest quality whose file is not larger than the budget, by bisection, and measure that."""
    options, qualities = RIVALS[name]
    image = Image.fromarray(original)

    def encode(quality: int) -> bytes:
        file = io.BytesIO()
        image.save(file, name.upper(), quality=quality, **options)
        return file.getvalue()

    low, high = 0, len(qualities) - 1  # the lowest quality is taken even if its file is too large
    while low < high:
        middle = (low + high + 1) // 2
        if len(encode(qualities[middle])) <= budget:
            low = middle
        else:
            high = middle - 1
    data, encoding = timed(lambda: encode(qualities[low]))
    rgb, decoding = timed(lambda: np.array(Image.open(io.BytesIO(data)).convert("RGB")))
    return Result(name, f"quality {qualities[low]}", len(data), rgb, encoding, decoding)


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """Return the result of a call, and the median of its seconds after one call to warm up."""
    result = call()
    seconds = []
    for _ in range(CALLS):
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return result, statistics.median(seconds)


def print_table(results: list[Result], original: Rgb, pixels: int) -> None:
    print(f"{'codec':<8}{'setting':<14}{'bytes':>9}{'bpp':>8}{'PSNR dB':>10}{'encode ms':>12}{'decode ms':>12}")
    for r in results:
        rate, quality = 8 * r.size / pixels, r.psnr(original)
        times = f"{1e3 * r.encode:>12.1f}{1e3 * r.decode:>12.1f}"
        print(f"{r.name:<8}{r.setting:<14}{r.size:>9,}{rate:>8.3f}{quality:>10.2f}{times}")


def verdict(results: list[Result], original: Rgb) -> str:
    """Say in one sentence where ours wins and where it loses, from the numbers alone."""
    ours, *rivals = results
    gains = [(rival, ours.psnr(original) - rival.psnr(original)) for rival in rivals]
    wins = [f"{gain:.2f} dB over {named(rival, ours)}" for rival, gain in gains if gain > 0]
    losses = [f"{-gain:.2f} dB to {named(rival, ours)}" for rival, gain in gains if gain <= 0]
    slower = [ours.decode / rival.decode for rival in rivals]
    return (
        f"In PSNR, licrt's embedded model wins {' and '.join(wins) or 'over none'} and loses "
        f"{' and '.join(losses) or 'to none'}; it decodes {min(slower):.0f} to {max(slower):.0f} times as slowly."
    )


def named(rival: Result, ours: Result) -> str:
    """Name a rival, with what its steps of quality left unused of the bytes."""
    unused = 1 - rival.size / ours.size
    return f"{rival.name} (with {unused:.0%} fewer bytes)" if unused > 0.03 else rival.name


def side_by_side(original: Rgb, results: list[Result], path: Path) -> None:
    """Save the same crop of the original and of every codec in a row, each under its name."""
    panels = [("original", original)]
    panels += [(f"{r.name}  {r.size:,} bytes  {r.psnr(original):.2f} dB", r.rgb) for r in results]
    left, top, right, bottom = CROP
    width, height, title = right - left, bottom - top, 22
    sheet = Image.new("RGB", (len(panels) * (width + 4) - 4, height + title), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, (label, rgb) in enumerate(panels):
        x = column * (width + 4)
        draw.text((x + 4, 3), label, "black", font)
        sheet.paste(Image.fromarray(rgb).crop(CROP), (x, title))
    sheet.save(path)


if __name__ == "__main__":
    main()
