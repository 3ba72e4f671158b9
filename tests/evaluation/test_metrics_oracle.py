"""The metrics are those of CompressAI's `eval_model`, on photographs at several qualities and sizes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from licrt.evaluation.metrics import compare

if TYPE_CHECKING:
    from pathlib import Path

    from oracle_protocol import Oracle

pytestmark = pytest.mark.oracle
TOLERANCE = 1e-4


@pytest.mark.parametrize("quality", [5, 50, 95])
@pytest.mark.parametrize("size", [(512, 768), (161, 161), (163, 322), (401, 175)])
def test_metrics_are_compressais(shared_data: Path, oracle: Oracle, size: tuple[int, int], quality: int) -> None:
    with Image.open(shared_data / "kodak" / "kodim05.png") as image:
        original = np.array(image.convert("RGB"))[: size[0], : size[1]]
    file = io.BytesIO()
    Image.fromarray(original).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        decoded = np.array(image)
    ours = compare(original, decoded)
    theirs = oracle("evaluate_pictures", original=np.ascontiguousarray(original), decoded=decoded)
    assert ours.psnr_rgb == pytest.approx(theirs["psnr-rgb"], abs=TOLERANCE)
    assert ours.ms_ssim == pytest.approx(theirs["ms-ssim-rgb"], abs=TOLERANCE)
    y, u, v = theirs["yuv"]
    assert ours.psnr_yuv == pytest.approx((6 * y + u + v) / 8, abs=TOLERANCE)
