"""The means of a curve, as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from licrt.evaluation.results import TOTAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from licrt.evaluation.results import Point, Results

_COLUMNS = ("images", "bpp", "PSNR-RGB", "PSNR-YUV", "MS-SSIM", "dB", "encode ms", "decode ms")
_LEFT_OUT = {
    "psnr_rgb": "PSNR-RGB is infinite",
    "psnr_yuv": "PSNR-YUV is infinite",
    "ms_ssim": "a side is below 161 pixels, too few for MS-SSIM",
}


def means_table(results: Results, label: Callable[[Point], str]) -> str:
    """Return a line for each point, named by `label`."""
    lines = [f"{'point':<24}" + "".join(f"{column:>11}" for column in _COLUMNS)]
    for point in results.points:
        means = point.means
        cells = (
            f"{means.images:,}",
            f"{means.bpp:.4f}",
            *(_number(value, 3) for value in (means.psnr_rgb, means.psnr_yuv)),
            _number(means.ms_ssim, 5),
            _number(means.ms_ssim_db, 3),
            *(f"{1e3 * seconds[TOTAL]:.1f}" for seconds in (means.encode, means.decode)),
        )
        lines.append(f"{label(point):<24}" + "".join(f"{cell:>11}" for cell in cells))
        lines += [f"  without {count:,} pictures where {_LEFT_OUT[name]}" for name, count in means.left_out.items()]
    return "\n".join(lines)


def _number(value: float | None, digits: int) -> str:
    return "n/a" if value is None else f"{value:.{digits}f}"
