"""Photographs for calibration and for the check, and what the float networks do with them.

The package ships two small sets of freely licensed crops (export/photos/CREDITS.md): `calibration` gives the ranges
of the integer network, `check` measures what quantisation costs on pictures that calibration did not see.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from licrt.runtime.errors import ModelError, PictureError
from licrt.trainer.data import SUFFIXES, read_rgb
from licrt.trainer.integers import ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from licrt.export.float_model import FloatModel
    from licrt.trainer.integers.ranges import Ranges

PHOTOS = Path(__file__).parent / "photos"
_MAX_SIDE = 1024

Photo = npt.NDArray[np.uint8]


def read_photos(directory: Path) -> list[Photo]:
    """Read every picture of a directory as uint8 `[height, width, 3]`, in order of name.

    Sides are cropped to 1024 pixels and to multiples of 64, so that every network sees whole strides.

    Raises:
        PictureError: the directory holds no picture of at least 64x64.
    """
    photos = [photo for photo in _read(directory) if photo.size]
    if not photos:
        raise PictureError(f"no pictures of at least 64x64 in {directory}; expected PNG, WebP, JPEG, PPM or TIFF files")
    return photos


def _read(directory: Path) -> Iterator[Photo]:
    try:
        paths = sorted(path for path in directory.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise PictureError(f"cannot read {directory}: {error.strerror}") from error
    for path in paths:
        pixels = read_rgb(path)
        height, width = (min(side, _MAX_SIDE) // 64 * 64 for side in pixels.shape[:2])
        yield pixels[:height, :width]


def to_tensor(photo: Photo) -> torch.Tensor:
    """Return float32 `[1, 3, height, width]` in 0…1."""
    return torch.from_numpy(photo.transpose(2, 0, 1).copy()).float().div(255)[None]


@torch.inference_mode()
def calibrate(model: FloatModel, photos: Iterable[Photo]) -> Ranges:
    """Run the float networks over photographs and record the range of every channel of every layer.

    Raises:
        ModelError: there is a layer that integer networks do not have.
    """
    if model.hyper is None:
        raise ModelError("a factorised model has no hyper-synthesis to calibrate")
    latents = (model.analysis(to_tensor(photo)) for photo in photos)
    return ranges.calibrate(model.entropy_path(), ((latent, model.hyper_latent(latent)) for latent in latents))
