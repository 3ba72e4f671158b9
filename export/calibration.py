"""Photographs for calibration and for the check, and what the float networks do with them.

The package ships two small sets of freely licensed crops (export/photos/CREDITS.md): `calibration` gives the ranges
of the integer network, `check` measures what quantisation costs on pictures that calibration did not see.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from licrt.export.context_groups import group_steps
from licrt.export.layers import FloatLayer, Step, float_layer, steps
from licrt.runtime.errors import ModelError, PictureError
from licrt.trainer.data import SUFFIXES, read_rgb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import nn

    from licrt.export.float_model import FloatModel, HyperPrior
    from licrt.trainer.models.context import ContextGroup

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


@dataclass(frozen=True)
class GroupRanges:
    """The float layers of one channel group of a context model, with their ranges."""

    channel: list[FloatLayer]
    spatial: FloatLayer | None
    parameters: list[FloatLayer]


@dataclass(frozen=True)
class Ranges:
    """What calibration saw.

    Attributes:
        hyper: layers of the hyper-synthesis.
        hyper_peak: largest magnitude of the quantised hyper-latent.
        latent_peak: float64 `[M]`, largest magnitude of each channel of the latent.
        groups: of the context model; empty where there is none.
    """

    hyper: list[FloatLayer]
    hyper_peak: float
    latent_peak: npt.NDArray[np.float64]
    groups: list[GroupRanges]


@torch.inference_mode()
def calibrate(model: FloatModel, photos: Iterable[Photo]) -> Ranges:
    """Run the float networks over photographs and record the range of every channel of every layer.

    Context networks see the latents themselves, not what quantisation makes of them: that differs by half a step at
    most, needs no coding in order, and does not jump where the last bit of a float sum decides a rounding.

    Raises:
        ModelError: there is a layer that integer networks do not have.
    """
    hyper = model.hyper
    if hyper is None:
        raise ModelError("a factorised model has no hyper-synthesis to calibrate")
    synthesis = steps(hyper.synthesis, "h_s")
    groups = [group_steps(group, number) for number, group in enumerate(hyper.groups)]
    hyper_peaks: list[float] = []
    latent_peaks: list[torch.Tensor] = []
    with _recording([*synthesis, *(step for group in groups for part in group for step in part)]) as seen:
        for photo in photos:
            latent = model.analysis(to_tensor(photo))
            z_hat = model.hyper_latent(latent)
            features = hyper.synthesis(z_hat)[..., : latent.shape[2], : latent.shape[3]]
            if hyper.groups:
                _run_groups(hyper, latent, features)
            hyper_peaks.append(float(z_hat.abs().max()))
            latent_peaks.append(latent.abs().amax((0, 2, 3)))

    def ranged(found: list[Step]) -> list[FloatLayer]:
        return [float_layer(step, *seen[step.convolution]) for step in found]

    return Ranges(
        hyper=ranged(synthesis),
        hyper_peak=max(hyper_peaks),
        latent_peak=torch.stack(latent_peaks).amax(0).double().numpy(),
        groups=[
            GroupRanges(ranged(channel), next(iter(ranged(spatial)), None), ranged(parameters))
            for channel, spatial, parameters in groups
        ],
    )


def _run_groups(hyper: HyperPrior, y: torch.Tensor, features: torch.Tensor) -> None:
    latents = torch.split(y, [group.channels for group in hyper.groups], dim=1)
    for group, own in zip(hyper.groups, latents, strict=True):
        channel = None
        if group.channel_context is not None:
            channel = group.channel_context(torch.cat([latents[source] for source in group.sources], dim=1))
        for spatial in _spatial_features(hyper, group, own):
            group.predict(features, channel, spatial)


def _spatial_features(hyper: HyperPrior, group: ContextGroup, own: torch.Tensor) -> list[torch.Tensor | None]:
    """Return every kind of spatial features that the parameters may see."""
    if group.spatial_context is None:
        return [None]
    features = group.spatial_context(own)
    biases = [hyper.context_bias(point) for point in {0, hyper.points - 1}]
    found = [features if bias is None else features + bias[:, None, None] for bias in biases]
    return [*found, torch.zeros_like(features)] if group.order == "checkerboard" else [*found]


@contextmanager
def _recording(found: list[Step]) -> Iterator[dict[nn.Module, tuple[torch.Tensor, torch.Tensor]]]:
    """Collect the smallest and the largest output of each channel of each convolution while it is run."""
    seen: dict[nn.Module, tuple[torch.Tensor, torch.Tensor]] = {}

    def record(module: nn.Module, _: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        low, high = output.amin((0, 2, 3)), output.amax((0, 2, 3))
        if module in seen:
            low, high = torch.minimum(low, seen[module][0]), torch.maximum(high, seen[module][1])
        seen[module] = low, high

    hooks = [step.convolution.register_forward_hook(record) for step in found]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
