"""The layers that can become integers, read out of PyTorch modules in the order in which they run."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from licrt.runtime.errors import ModelError
from licrt.runtime.integer import MAX_KERNEL, MAX_STRIDE, MAX_UPSCALE
from licrt.trainer.integers.chain import EXPECTED, layers_of
from licrt.trainer.integers.convolutions import Convolution, has_standard_forward, masked_weight

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]
Activation = Literal["none", "relu", "leaky_relu"]

LEAKY_SLOPE = 0.01

_ACTIVATIONS = (
    "CELU", "ELU", "GDN", "GDN1", "GELU", "Hardsigmoid", "Hardswish", "Hardtanh", "LogSigmoid", "Mish", "PReLU",
    "RReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softsign", "Tanh",
)  # fmt: skip
_PADS = ("ConstantPad2d", "ReflectionPad2d", "ReplicationPad2d", "ZeroPad2d")
_REDUCTIONS = ("AvgPool2d", "LPPool2d", "MaxPool2d", "PixelUnshuffle")
_NORMALISATIONS = ("GroupNorm", "InstanceNorm2d", "LayerNorm")
_INSTEAD = {
    **dict.fromkeys(_ACTIVATIONS, "Use ReLU or leaky ReLU (0.01), and train on"),
    **dict.fromkeys(_PADS, "Give the convolution a padding of zeros, the same on all sides"),
    **dict.fromkeys(_REDUCTIONS, "Use a convolution with a stride"),
    **dict.fromkeys(_NORMALISATIONS, "Leave it out, and train on"),
    "BatchNorm2d": "Fuse it with the convolution before it (torch.nn.utils.fuse_conv_bn_eval)",
    "Linear": "Use a 1x1 convolution",
}


@dataclass(frozen=True)
class Step:
    """One convolution of a network, what stands before and after it, and its name for messages.

    Attributes:
        convolution: the layer.
        upscale: factor of the pixel shuffle after it; 1 for none.
        activation: what is applied to its output.
        name: as in `h_s.2`.
        repeat: how often each sample of its input is repeated along both axes first (nearest-neighbour upsampling).
    """

    convolution: Convolution
    upscale: int
    activation: Activation
    name: str
    repeat: int = 1


@dataclass(frozen=True)
class FloatLayer:
    """One float convolution, and the range that its output was seen to have.

    Attributes:
        kind, stride, padding, output_padding, activation, upscale: as in `licrt.runtime.integer.Layer`.
        weight: float64 `[out, in, kernel_h, kernel_w]`, for all kinds.
        bias: float64 `[out]`.
        peak: float64 `[out]`, the largest magnitude before the activation that must be represented.
        settled: the peak is what the layer was trained with; otherwise quantisation may raise it.
        rows, columns: which of the module's outputs and inputs these are, `[out]` and `[in]`; None for all, in order.
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
    settled: bool = False
    rows: Int | None = None
    columns: Int | None = None


def steps(network: nn.Module, name: str) -> list[Step]:
    """List the convolutions of a network, each with what stands around it.

    Args:
        network: convolutions and transposed convolutions, each followed by a pixel shuffle, ReLU, leaky ReLU (0.01) or
            nothing, in modules nested at will, one after the other. Nearest-neighbour upsampling may stand before a
            convolution: both together are a transposed convolution.
        name: what to call it in messages.

    Raises:
        ModelError: there is a layer that integer networks do not have; names it, and what could replace it.
    """
    found: list[Step] = []
    after = "nothing"  # what followed the last convolution
    repeat = 1  # of the upsampling that waits for its convolution
    for path, module in layers_of(network, name):
        if isinstance(module, nn.Identity | nn.Dropout | nn.Dropout2d):
            continue
        if repeat > 1 and not isinstance(module, nn.Conv2d):
            raise ModelError(f"{path}: expected a convolution right after the upsampling, not {type(module).__name__}")
        if isinstance(module, nn.Upsample) and after != "upsampling":
            repeat = _checked_repeat(path, module)
        elif isinstance(module, Convolution):
            _check_convolution(path, module, repeat)
            found.append(Step(module, 1, "none", path, repeat))
            after, repeat = "nothing", 1
        elif isinstance(module, nn.PixelShuffle) and found and after == "nothing":
            found[-1] = replace(found[-1], upscale=_checked_upscale(path, module, found[-1]))
            after = "shuffle"
        elif isinstance(module, nn.ReLU | nn.LeakyReLU) and found and after != "activation":
            found[-1] = replace(found[-1], activation=_activation(path, module))
            after = "activation"
        else:
            kind = type(module).__name__
            raise ModelError(f"{path}: {kind} cannot become integers here. {_INSTEAD.get(kind, EXPECTED)}")
    if repeat > 1:
        raise ModelError(f"{name} ends with upsampling; expected a convolution after it")
    if not found:
        raise ModelError(f"{name} has no layers; expected a sequence of convolutions")
    return found


def ending_in_a_convolution(network: nn.Module, name: str, *, keep_activation: bool = False) -> nn.Module:
    """Return a network that does the same and ends in a convolution, whose sums heads can read.

    Args:
        network: as :func:`steps` takes it. Behind a pixel shuffle or an activation comes a 1x1 convolution that changes
            nothing.
        name: what to call it in messages.
        keep_activation: an activation at the end may stay, because only the order of positive values matters.

    Raises:
        ModelError: as :func:`steps`.
    """
    last = steps(network, name)[-1]
    if last.upscale == 1 and (last.activation == "none" or keep_activation):
        return network
    channels = last.convolution.out_channels // last.upscale**2
    with torch.random.fork_rng(devices=[]):
        identity = nn.Conv2d(channels, channels, 1, bias=False)
    identity.weight.data = torch.eye(channels)[:, :, None, None]
    return nn.Sequential(network, identity).eval()


def float_layer(step: Step, low: torch.Tensor, high: torch.Tensor, *, settled: bool = False) -> FloatLayer:
    """Describe a layer in float64.

    Args:
        step: the layer.
        low, high: `[out]`, smallest and largest output of each channel, before the activation.
        settled: the layer was trained with this range.
    """
    convolution = step.convolution
    bias = convolution.bias
    # What is negative becomes zero in a ReLU, saturated or not.
    peak = high.clamp(min=0) if step.activation == "relu" else torch.maximum(high, -low)
    transposed = isinstance(convolution, nn.ConvTranspose2d) or step.repeat > 1
    repeated = step.repeat > 1
    return FloatLayer(
        kind="conv_transpose" if transposed else "subpixel" if step.upscale > 1 else "conv",
        weight=kernel_of(step).detach().cpu().numpy(),
        bias=bias.detach().double().cpu().numpy() if bias is not None else np.zeros(convolution.out_channels),
        stride=step.repeat if repeated else int(convolution.stride[0]),
        padding=convolution.kernel_size[0] - 1 - _padding(convolution) if repeated else _padding(convolution),
        output_padding=int(convolution.output_padding[0]),
        activation=step.activation,
        peak=peak.double().cpu().numpy(),
        upscale=step.upscale,
        settled=settled,
    )


def kernel_of(step: Step) -> torch.Tensor:
    """Return a step's weight as float64 `[out, in, kernel_h, kernel_w]`, for all kinds, differentiable.

    A convolution and the repetition of samples before it are one transposed convolution: repetition is one with ones,
    and `repeat` ones and a kernel of k taps make one of k + repeat - 1.
    """
    weight = masked_weight(step.convolution).double()
    if isinstance(step.convolution, nn.ConvTranspose2d):
        return weight.transpose(0, 1)
    if step.repeat == 1:
        return weight
    last = step.repeat - 1
    places = itertools.product(range(step.repeat), repeat=2)
    moved = [nn.functional.pad(weight.flip(2, 3), (column, last - column, row, last - row)) for row, column in places]
    return torch.stack(moved).sum(0)


def _activation(path: str, module: nn.ReLU | nn.LeakyReLU) -> Activation:
    if isinstance(module, nn.ReLU):
        return "relu"
    if module.negative_slope != LEAKY_SLOPE:
        raise ModelError(
            f"{path}: leaky ReLU has slope {module.negative_slope}; expected {LEAKY_SLOPE}. Set it, and train on"
        )
    return "leaky_relu"


def _checked_repeat(path: str, module: nn.Upsample) -> int:
    factor = module.scale_factor
    factors = set(factor) if isinstance(factor, tuple) else {factor}
    repeat = factors.pop() if len(factors) == 1 else None
    if module.mode != "nearest" or repeat is None or repeat != int(repeat) or not 1 < repeat <= MAX_STRIDE:
        raise ModelError(
            f"{path}: upsampling by {factor} in mode {module.mode} cannot become integers. Use a sub-pixel or "
            f"transposed convolution, or mode nearest with a whole factor of 2 to {MAX_STRIDE} before a convolution"
        )
    return int(repeat)


def _checked_upscale(path: str, module: nn.PixelShuffle, before: Step) -> int:
    transposed = isinstance(before.convolution, nn.ConvTranspose2d)
    if not 2 <= module.upscale_factor <= MAX_UPSCALE or transposed or before.repeat > 1:
        what = "upsampling and a convolution" if before.repeat > 1 else type(before.convolution).__name__
        raise ModelError(
            f"{path}: a pixel shuffle by {module.upscale_factor} after {what} cannot "
            f"become integers. Expected a factor of 2 to {MAX_UPSCALE} after a plain convolution"
        )
    return module.upscale_factor


def _padding(convolution: Convolution) -> int:
    """Return the zeros on each side; -1 where not all sides have as many."""
    if convolution.padding == "valid":
        return 0
    if convolution.padding == "same":  # of a convolution with stride 1
        return (convolution.kernel_size[0] - 1) // 2 if convolution.kernel_size[0] % 2 else -1
    return int(convolution.padding[0])


def _check_convolution(path: str, module: Convolution, repeat: int) -> None:
    kernel, stride, padding = module.kernel_size, module.stride, _padding(module)
    square = kernel[0] == kernel[1] or not (isinstance(module.padding, str) or repeat > 1)
    pairs = [pair for pair in (stride, module.padding, module.output_padding) if not isinstance(pair, str)]
    problems = {
        f"{type(module).__name__} has a forward of its own; use torch's": not has_standard_forward(module),
        f"it has {module.groups} groups; use one without groups": module.groups != 1,
        f"it has dilation {module.dilation}; use 1": set(module.dilation) != {1},
        f"it pads with {module.padding_mode}; use zeros": module.padding_mode != "zeros",
        "its axes differ in stride or padding; use the same": any(pair[0] != pair[1] for pair in pairs) or not square,
        "its padding differs from side to side; use an odd kernel": padding < 0,
        f"its kernel is larger than {MAX_KERNEL}": max(kernel) + repeat - 1 > MAX_KERNEL,
        f"its stride is larger than {MAX_STRIDE}": stride[0] > MAX_STRIDE,
        "its padding is not smaller than its kernel": padding >= min(kernel),
        "after upsampling, its stride is not 1": repeat > 1 and stride[0] != 1,
    }
    if found := [problem for problem, there in problems.items() if there]:
        raise ModelError(f"{path}: this convolution cannot become integers: {found[0]}")
