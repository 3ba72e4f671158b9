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
from torch import nn

from licrt.export.quantise import FloatLayer
from licrt.runtime.errors import ModelError, PictureError
from licrt.trainer.data import SUFFIXES, read_rgb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from licrt.export.parts import Parts

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


def hyper_layers(hyper_synthesis: nn.Module) -> list[tuple[nn.Conv2d | nn.ConvTranspose2d, nn.Module | None]]:
    """Pair each convolution of a hyper-synthesis with the activation after it.

    Raises:
        ModelError: there is a layer that integer networks do not have; names what could replace it.
    """
    if not isinstance(hyper_synthesis, nn.Sequential):
        raise ModelError(f"h_s is {type(hyper_synthesis).__name__}; expected Sequential, whose layers run in order")
    pairs: list[tuple[nn.Conv2d | nn.ConvTranspose2d, nn.Module | None]] = []
    for name, module in hyper_synthesis.named_children():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            _check_convolution(name, module)
            pairs.append((module, None))
        elif isinstance(module, nn.ReLU | nn.LeakyReLU) and pairs and pairs[-1][1] is None:
            if isinstance(module, nn.LeakyReLU) and module.negative_slope != 0.01:
                raise ModelError(f"h_s.{name}: leaky ReLU has slope {module.negative_slope}; expected 0.01")
            pairs[-1] = (pairs[-1][0], module)
        else:
            raise ModelError(
                f"h_s.{name}: {type(module).__name__} cannot become integers here. Expected a sequence of convolutions "
                "and transposed convolutions, each followed by ReLU, leaky ReLU (0.01) or nothing"
            )
    if not pairs:
        raise ModelError("the hyper-synthesis has no layers; expected a sequence of convolutions")
    return pairs


def _check_convolution(name: str, module: nn.Conv2d | nn.ConvTranspose2d) -> None:
    squares = (module.stride, module.padding, module.output_padding, module.dilation)
    if (
        module.groups != 1
        or set(module.dilation) != {1}
        or module.padding_mode != "zeros"
        or any(isinstance(pair, str) or pair[0] != pair[1] for pair in squares)
    ):
        raise ModelError(
            f"h_s.{name}: this convolution cannot become integers. Expected one stride and zero padding for both axes, "
            "without groups or dilation"
        )


@torch.inference_mode()
def float_layers(parts: Parts, photos: Iterable[Photo]) -> tuple[list[FloatLayer], float]:
    """Run the float networks over photographs and record the range of every channel of the hyper-synthesis.

    Returns:
        The layers with their ranges, and the largest magnitude of the quantised hyper-latent.
    """
    if parts.hyper is None:
        raise ModelError("a factorised model has no hyper-synthesis to calibrate")
    pairs = hyper_layers(parts.hyper.synthesis)
    peaks = [torch.zeros(convolution.out_channels) for convolution, _ in pairs]
    input_peak = 0.0
    for photo in photos:
        value = parts.hyper_latent(parts.analysis(to_tensor(photo)))
        input_peak = max(input_peak, float(value.abs().max()))
        for number, (convolution, activation) in enumerate(pairs):
            value = convolution(value)
            peaks[number] = torch.maximum(peaks[number], _peak(value, activation))
            value = activation(value) if activation else value
    return [_float_layer(*pair, peak) for pair, peak in zip(pairs, peaks, strict=True)], input_peak


def _peak(value: torch.Tensor, activation: nn.Module | None) -> torch.Tensor:
    high, low = value.amax((0, 2, 3)), -value.amin((0, 2, 3))
    if isinstance(activation, nn.ReLU):
        return high.clamp(min=0)  # whatever is negative becomes zero, saturated or not
    return torch.maximum(high, low)


def _float_layer(
    convolution: nn.Conv2d | nn.ConvTranspose2d, activation: nn.Module | None, peak: torch.Tensor
) -> FloatLayer:
    weight = convolution.weight.detach().double()
    transposed = isinstance(convolution, nn.ConvTranspose2d)
    bias = convolution.bias.detach().double() if convolution.bias is not None else torch.zeros(len(peak)).double()
    kind: dict[type, str] = {nn.ReLU: "relu", nn.LeakyReLU: "leaky_relu", type(None): "none"}
    return FloatLayer(
        kind="conv_transpose" if transposed else "conv",
        weight=(weight.transpose(0, 1) if transposed else weight).numpy(),
        bias=bias.numpy(),
        stride=int(convolution.stride[0]),
        padding=int(convolution.padding[0]),
        output_padding=int(convolution.output_padding[0]),
        activation=kind[type(activation)],  # type: ignore[arg-type]
        peak=peak.double().numpy(),
    )
