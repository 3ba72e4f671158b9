"""How far an integer network sees: what a tile of its input needs around it to give what the whole gives."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING

from licrt.runtime.errors import ModelError

if TYPE_CHECKING:
    from licrt.runtime.integer import Layer, Network

_INSIDE = 1 << 20  # a sample of the input far from every border


def carried_halo(network: Network) -> int:
    """Return how many samples of the input, on each side, influence the outputs that one sample stands for.

    Raises:
        ModelError: not a whole number of outputs stands for each sample.

    >>> import numpy as np
    >>> from licrt.runtime.integer import Layer, Network
    >>> layer = Layer("conv_transpose", np.ones((1, 1, 5, 5), np.int8), np.zeros(1, np.int32), np.ones(1, np.uint8),
    ...               2, 2, 1, "none", 8)
    >>> none = np.zeros((1, 0, 0), np.int32)
    >>> carried_halo(Network(8, 0, np.zeros(1, np.int32), (layer,), 0, none))
    1
    >>> carried_halo(Network(8, 0, np.zeros(1, np.int32), (layer, layer), 0, none))
    2
    """
    scale = Fraction(1)
    for layer in network.layers:
        scale *= Fraction(layer.upscale, layer.stride) if layer.kind != "conv_transpose" else layer.stride
    if scale.denominator != 1:
        raise ModelError(f"the hyper-synthesis gives {scale} samples for one of its input; expected a whole number")
    return max(_reach(network, int(scale), axis) for axis in (2, 3))


def _reach(network: Network, scale: int, axis: int) -> int:
    low, high = _INSIDE * scale, (_INSIDE + 1) * scale - 1
    for layer in reversed(network.layers):
        low, high = _seen(layer, layer.weight.shape[axis], low, high)
    return max(_INSIDE - low, high - _INSIDE, 0)


def _seen(layer: Layer, kernel: int, low: int, high: int) -> tuple[int, int]:
    """Return the first and last sample of a layer's input that influence outputs from `low` to `high`."""
    if layer.kind == "conv_transpose":
        return ceil((low + layer.padding - kernel + 1) / layer.stride), floor((high + layer.padding) / layer.stride)
    low, high = low // layer.upscale, high // layer.upscale
    return low * layer.stride - layer.padding, high * layer.stride - layer.padding + kernel - 1
