"""Layers of an integer network as one matrix over windows of their input.

A convolution is a matrix product, at each position, with the samples that its taps see. Written so, with the windows of
all taps put behind one another as channels, it is a convolution with a kernel of 1x1: engines have no Winograd or FFT
kernel for that, whose transforms would round. A transposed convolution is the same with all phases of its output as
channels, interleaved afterwards (see `phases.py`).
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from licrt.export.phases import Transposed, of_phases

if TYPE_CHECKING:
    from licrt.runtime.integer import Layer

    Int = npt.NDArray[np.int64]
    Sides = tuple[int, int]


class Taps(NamedTuple):
    """What a layer reads and how its outputs are laid out.

    Attributes:
        matrix: int64 `[rows, windows · channels]`.
        channel: which of the layer's output channels each row belongs to.
        pads: zeros at the top, left, bottom and right.
        windows: first row and column of each window of the padded input, and where it ends, counted from the end.
        step: between samples of a window.
        factor: phases of the output along an axis.
        phases_first: rows come phase by phase; otherwise each channel with its phases.
        crop: rows and columns to drop at the end, once phases are interleaved, as numbers of 0 or less.
    """

    matrix: Int
    channel: Int
    pads: tuple[int, int, int, int]
    windows: tuple[tuple[Sides, Sides], ...]
    step: int
    factor: int
    phases_first: bool
    crop: Sides


def taps(layer: Layer) -> Taps:
    """Return the taps of a layer of any kind."""
    return _of_transposed(layer) if layer.kind == "conv_transpose" else _of_convolution(layer)


def _of_convolution(layer: Layer) -> Taps:
    out, _, *kernel = layer.weight.shape
    windows = tuple(((y, x), (y + 1 - kernel[0], x + 1 - kernel[1])) for y, x in product(*map(range, kernel)))
    return Taps(
        _matrix(layer.weight.astype(np.int64)),
        np.arange(out),
        (layer.padding,) * 4,
        windows,
        layer.stride,
        layer.upscale,
        phases_first=False,
        crop=(0, 0),
    )


def _of_transposed(layer: Layer) -> Taps:
    out, stride = layer.weight.shape[0], layer.stride
    weight = layer.weight.astype(np.float32).swapaxes(0, 1)  # which holds 16 bits
    transposed = Transposed(weight, np.zeros(out, np.float32), stride, (layer.padding, layer.padding))
    convolution = of_phases(transposed, 1)[0]
    # A phase of n inputs gives n + more samples: the first phases may have one more than the last ones, which is cut.
    whole = [size - 2 * layer.padding - stride + layer.output_padding for size in layer.weight.shape[2:]]
    more = [-(-extra // stride) for extra in whole]
    top, left, bottom, right = convolution.pads
    bottom, right = max(bottom + more[0], 0), max(right + more[1], 0)
    windows = tuple(
        ((y, x), (y + more[0] - top - bottom, x + more[1] - left - right))
        for y, x in product(*map(range, convolution.weight.shape[2:]))
    )
    crop = tuple(extra - stride * longer for extra, longer in zip(whole, more, strict=True))
    return Taps(
        _matrix(convolution.weight.astype(np.int64)),
        np.tile(np.arange(out), stride**2),
        (top, left, bottom, right),
        windows,
        1,
        stride,
        phases_first=True,
        crop=(crop[0], crop[1]),
    )


def _matrix(weight: Int) -> Int:
    """Order `[out, channels, height, width]` as the windows are: tap by tap, then channel."""
    return np.ascontiguousarray(weight.transpose(0, 2, 3, 1).reshape(len(weight), -1))
