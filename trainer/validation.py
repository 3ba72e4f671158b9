"""How good a model is on whole pictures, with rounding instead of noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from licrt.runtime.errors import PictureError
from licrt.trainer.data import read_rgb
from licrt.trainer.losses import rate_distortion

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from licrt.trainer.models import CompressionModel


@torch.no_grad()
def validate(
    model: CompressionModel, pictures: Iterable[Path], lmbda: float
) -> tuple[dict[str, float], dict[Path, str]]:
    """Measure a model on pictures, cropped at the centre to multiples of its stride; its mode is kept.

    Returns:
        Means over the pictures of loss, estimated bits per pixel and PSNR in dB (of the float reconstruction), empty if
        no picture could be used; and the reason for each that could not.
    """
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    rows: list[tuple[float, float, float]] = []
    unusable: dict[Path, str] = {}
    for path in pictures:
        try:
            x = _centre(torch.from_numpy(read_rgb(path)).permute(2, 0, 1)[None], model.stride)
        except PictureError as error:
            unusable[path] = str(error)
            continue
        if x.numel() == 0:
            unusable[path] = f"cannot use {path}: it is smaller than {model.stride} pixels"
            continue
        x = x.to(device).float() / 255
        measured = rate_distortion(model(x), x, lmbda)
        rows.append((measured.total.item(), measured.bpp.item(), measured.psnr))
    model.train(training)
    if not rows:
        return {}, unusable
    loss, bpp, psnr = (sum(column) / len(rows) for column in zip(*rows, strict=True))
    return {"validation_loss": loss, "validation_bpp": bpp, "validation_psnr": psnr}, unusable


def _centre(x: torch.Tensor, multiple: int) -> torch.Tensor:
    height, width = (side - side % multiple for side in x.shape[-2:])
    top, left = (x.shape[-2] - height) // 2, (x.shape[-1] - width) // 2
    return x[..., top : top + height, left : left + width]
