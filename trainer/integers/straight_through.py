"""Integer networks inside PyTorch: exactly the integers of the runtime, with the gradients of the float layers.

Forward, a layer computes docs/integer-net.md with the very arrays that export would write, in floats that hold every
sum exactly. Backward, rounding counts as the identity and saturation as a bound (Bengio, Léonard
and Courville, "Estimating or propagating gradients through stochastic neurons", 2013; for networks of integers Jacob et
al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference", CVPR 2018).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from licrt.trainer.integers.layers import LEAKY_SLOPE, kernel_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from licrt.trainer.integers.layers import Step
    from licrt.trainer.integers.quantise import FixedLayer, Int


def straight_through(smooth: Tensor, exact: Tensor) -> Tensor:
    """Give `exact`, with the gradient of `smooth`.

    >>> x = torch.tensor([0.6], requires_grad=True)
    >>> y = straight_through(2 * x, torch.round(2 * x))
    >>> y.backward()
    >>> y.item(), x.grad.item()
    (1.0, 2.0)
    """
    return exact.detach() + (smooth - smooth.detach())


def integer_weights(fixed: FixedLayer, step: Step) -> tuple[Tensor, Tensor]:
    """A layer's weights `[out, in, kernel_h, kernel_w]` and biases `[out]` as integers, float64.

    Args:
        fixed: the integers.
        step: the module that they were made from, which gets the gradients.
    """
    weight, bias = kernel_of(step), step.convolution.bias
    rows, columns = fixed.source.rows, fixed.source.columns
    if rows is not None:
        weight, bias = weight[rows], None if bias is None else bias[rows]
    if columns is not None:
        weight = weight[:, columns]
    scale = np.ldexp(1.0, fixed.exponent[:, None] - fixed.read)
    exact = _like(fixed.layer.bias, weight)
    exact_bias = exact if bias is None else straight_through(bias * _like(np.ldexp(1.0, fixed.exponent), weight), exact)
    return straight_through(
        weight * _like(scale, weight)[..., None, None], _like(fixed.layer.weight, weight)
    ), exact_bias


def accumulate(fixed: FixedLayer, step: Step, value: Tensor) -> Tensor:
    """The accumulators of a layer `[batch, out, height, width]` from the integers that it reads, float64."""
    layer = fixed.layer
    weight, bias = integer_weights(fixed, step)
    # The CPU's convolutions are plain sums; other devices may transform first, which only float64 has room for.
    if value.device.type == "cpu" and fixed.sums_fit_float32:
        value, weight, bias = value.float(), weight.float(), bias.float()
    with torch.autocast(value.device.type, enabled=False):
        if layer.kind == "conv_transpose":
            sizes = layer.stride, layer.padding, layer.output_padding
            return functional.conv_transpose2d(value, weight.transpose(0, 1), bias, *sizes).double()
        return functional.conv2d(value, weight, bias, layer.stride, layer.padding).double()


def requantise(accumulator: Tensor, fixed: FixedLayer) -> Tensor:
    """What a layer hands on: requantised, activated, and laid side by side where it is a sub-pixel convolution."""
    layer = fixed.layer
    low, high = -(2.0 ** (layer.output_bits - 1)), 2.0 ** (layer.output_bits - 1) - 1
    smooth = accumulator * _like(np.ldexp(1.0, -layer.shift.astype(int)), accumulator)[:, None, None]
    exact = torch.floor(smooth + 0.5).clamp(low, high)
    smooth = smooth.clamp(low, high)
    if layer.activation == "relu":
        smooth, exact = smooth.relu(), exact.relu()
    elif layer.activation == "leaky_relu":
        smooth = functional.leaky_relu(smooth, LEAKY_SLOPE)
        exact = torch.where(exact < 0, torch.floor((41 * exact + 2048) / 4096), exact)
    value = straight_through(smooth, exact)
    return functional.pixel_shuffle(value, layer.upscale) if layer.upscale > 1 else value


def to_integers(value: Tensor, fraction: Int, bits: int, offset: npt.NDArray[np.int32] | None = None) -> Tensor:
    """Values `[batch, channels, height, width]` as integers of `bits` bits, rounded half up, then saturated.

    Args:
        value: of any float type.
        fraction: fraction bits of each channel `[channels]`, or of all of them `[1]`.
        bits: width.
        offset: added after rounding, `[channels]`, or None.
    """
    smooth = value.double() * _like(np.ldexp(1.0, fraction), value)[:, None, None]
    exact = torch.floor(smooth + 0.5)
    if offset is not None:
        added = _like(offset, value)[:, None, None]
        smooth, exact = smooth + added, exact + added
    low, high = -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
    return straight_through(smooth.clamp(low, high), exact.clamp(low, high))


def to_values(integers: Tensor, fraction: Int) -> Tensor:
    """What integers `[batch, channels, height, width]` stand for, float64; `fraction` as in :func:`to_integers`."""
    return integers * _like(np.ldexp(1.0, -fraction), integers)[:, None, None]


def run_hidden(layers: Sequence[FixedLayer], steps: Sequence[Step], value: Tensor) -> Tensor:
    """Run layers that read one another, each requantised."""
    for fixed, step in zip(layers, steps, strict=True):
        value = requantise(accumulate(fixed, step, value), fixed)
    return value


def run_to_heads(layers: Sequence[FixedLayer], steps: Sequence[Step], value: Tensor, index_channels: int) -> Tensor:
    """Run a network that ends in heads: scales from their accumulators, then means, as values, float64."""
    last = layers[-1]
    accumulator = accumulate(last, steps[-1], run_hidden(layers[:-1], steps[:-1], value))
    scales = to_values(accumulator[:, :index_channels], last.exponent[:index_channels])
    means = requantise(accumulator, last)[:, index_channels:]
    return torch.cat([scales, to_values(means, last.fraction[index_channels:])], dim=1)


def _like(array: npt.NDArray[np.generic], tensor: Tensor) -> Tensor:
    """An array as float64 on a tensor's device."""
    return torch.from_numpy(np.ascontiguousarray(array, np.float64)).to(tensor.device)
