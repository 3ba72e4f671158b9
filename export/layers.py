"""The layers that can become integers, read out of PyTorch modules in the order in which they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from licrt.runtime.errors import ModelError
from licrt.trainer.layers import MaskedConvolution

if TYPE_CHECKING:
    from collections.abc import Iterator

Float = npt.NDArray[np.float64]
Convolution = nn.Conv2d | nn.ConvTranspose2d
Activation = Literal["none", "relu", "leaky_relu"]

LEAKY_SLOPE = 0.01


@dataclass(frozen=True)
class Step:
    """One convolution of a network, what follows it, and its name for messages.

    Attributes:
        convolution: the layer.
        upscale: factor of the pixel shuffle after it; 1 for none.
        activation: what is applied to its output.
        name: as in `h_s.2`.
    """

    convolution: Convolution
    upscale: int
    activation: Activation
    name: str


@dataclass(frozen=True)
class FloatLayer:
    """One float convolution, and the range that its output was seen to have.

    Attributes:
        kind, stride, padding, output_padding, activation, upscale: as in `licrt.runtime.integer.Layer`.
        weight: float64 `[out, in, kernel_h, kernel_w]`, for all kinds.
        bias: float64 `[out]`.
        peak: float64 `[out]`, the largest magnitude before the activation that must be represented.
    """

    kind: Literal["conv", "conv_transpose", "subpixel"]
    weight: Float
    bias: Float
    stride: int
    padding: int
    output_padding: int
    activation: Activation
    peak: Float
    upscale: int = 1


def steps(network: nn.Module, name: str) -> list[Step]:
    """List the convolutions of a network, each with what follows it.

    Args:
        network: convolutions and transposed convolutions, each followed by a pixel shuffle, ReLU, leaky ReLU (0.01) or
            nothing, in `nn.Sequential`s nested at will.
        name: what to call it in messages.

    Raises:
        ModelError: there is a layer that integer networks do not have; names it, and what could replace it.
    """
    found: list[Step] = []
    after = "nothing"  # what followed the last convolution
    for path, module in _flat(network, name):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            _check_convolution(path, module)
            found.append(Step(module, 1, "none", path))
            after = "nothing"
        elif isinstance(module, nn.PixelShuffle) and found and after == "nothing":
            found[-1] = Step(found[-1].convolution, _checked_upscale(path, module, found[-1]), "none", found[-1].name)
            after = "shuffle"
        elif isinstance(module, nn.ReLU | nn.LeakyReLU) and found and after != "activation":
            step = found[-1]
            found[-1] = Step(step.convolution, step.upscale, _activation(path, module), step.name)
            after = "activation"
        elif not isinstance(module, nn.Identity):
            raise ModelError(
                f"{path}: {type(module).__name__} cannot become integers here. Expected a sequence of convolutions, "
                "transposed and sub-pixel convolutions, each followed by ReLU, leaky ReLU (0.01) or nothing"
            )
    if not found:
        raise ModelError(f"{name} has no layers; expected a sequence of convolutions")
    return found


def float_layer(step: Step, low: torch.Tensor, high: torch.Tensor) -> FloatLayer:
    """Describe a layer in float64.

    Args:
        step: the layer.
        low, high: `[out]`, smallest and largest output of each channel, before the activation.
    """
    convolution = step.convolution
    transposed = isinstance(convolution, nn.ConvTranspose2d)
    masked = convolution.masked_weight if isinstance(convolution, MaskedConvolution) else convolution.weight
    weight = masked.detach().double()
    bias = convolution.bias
    # What is negative becomes zero in a ReLU, saturated or not.
    peak = high.clamp(min=0) if step.activation == "relu" else torch.maximum(high, -low)
    return FloatLayer(
        kind="conv_transpose" if transposed else "subpixel" if step.upscale > 1 else "conv",
        weight=(weight.transpose(0, 1) if transposed else weight).numpy(),
        bias=bias.detach().double().numpy() if bias is not None else np.zeros(convolution.out_channels),
        stride=int(convolution.stride[0]),
        padding=int(convolution.padding[0]),
        output_padding=int(convolution.output_padding[0]),
        activation=step.activation,
        peak=peak.double().numpy(),
        upscale=step.upscale,
    )


def _flat(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(module, nn.Sequential):
        for key, child in module.named_children():
            yield from _flat(child, f"{name}.{key}")
    else:
        yield name, module


def _activation(path: str, module: nn.ReLU | nn.LeakyReLU) -> Activation:
    if isinstance(module, nn.ReLU):
        return "relu"
    if module.negative_slope != LEAKY_SLOPE:
        raise ModelError(f"{path}: leaky ReLU has slope {module.negative_slope}; expected {LEAKY_SLOPE}")
    return "leaky_relu"


def _checked_upscale(path: str, module: nn.PixelShuffle, before: Step) -> int:
    if not 2 <= module.upscale_factor <= 4 or isinstance(before.convolution, nn.ConvTranspose2d):
        raise ModelError(
            f"{path}: a pixel shuffle by {module.upscale_factor} after {type(before.convolution).__name__} cannot "
            "become integers. Expected a factor of 2 to 4 after a plain convolution"
        )
    return module.upscale_factor


def _check_convolution(path: str, module: Convolution) -> None:
    squares = (module.stride, module.padding, module.output_padding, module.dilation)
    if (
        module.groups != 1
        or set(module.dilation) != {1}
        or module.padding_mode != "zeros"
        or any(isinstance(pair, str) or pair[0] != pair[1] for pair in squares)
    ):
        raise ModelError(
            f"{path}: this convolution cannot become integers. Expected one stride and zero padding for both axes, "
            "without groups or dilation"
        )
