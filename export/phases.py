"""Layers that enlarge, taken apart into ordinary convolutions, one for each phase of their output.

With stride s, output sample y = s·n + a of a transposed convolution is the sum over its taps k of
weight[k] · input[(y + padding - k) / s] where that is whole: for each phase a, a convolution with every s-th tap.
Phases of both axes are numbered by row, then column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Array: TypeAlias = npt.NDArray[np.float32]


class Convolution(NamedTuple):
    """Weight `[out, in, height, width]`, bias `[out]`, and zeros to add at the top, left, bottom and right."""

    weight: Array
    bias: Array
    pads: tuple[int, int, int, int]


class Transposed(NamedTuple):
    """A transposed convolution that enlarges `stride` times. Weight `[in, out, height, width]`, bias `[out]`."""

    weight: Array
    bias: Array
    stride: int
    padding: tuple[int, int]


def of_transposed(layer: Transposed) -> list[Convolution]:
    """Return the convolution that gives each phase of a transposed convolution's output.

    >>> weight = np.arange(1, 6, dtype=np.float32).reshape(1, 1, 1, 5)
    >>> layer = Transposed(weight, np.zeros(1, np.float32), 2, (0, 2))
    >>> [convolution.weight.ravel().tolist() for convolution in of_transposed(layer)[:2]]
    [[5.0, 3.0, 1.0], [4.0, 2.0]]
    """
    return [_gather(layer, 1, (0, 0), [row], [column]) for row in range(layer.stride) for column in range(layer.stride)]


def of_phases(layer: Transposed, factor: int) -> list[Convolution]:
    """Return one convolution for each phase of a transposed convolution's input; they sum to all phases of its output.

    Args:
        layer: the transposed convolution.
        factor: its input comes as factor² phases.

    Returns:
        Convolutions with (factor · stride)² · out outputs, phase by phase. The first one has the bias.
    """
    phases = range(layer.stride * factor)
    parts = [_gather(layer, factor, (row, column), phases, phases) for row in range(factor) for column in range(factor)]
    return [parts[0], *(part._replace(bias=np.zeros_like(part.bias)) for part in parts[1:])]


def _gather(
    layer: Transposed, factor: int, phase: tuple[int, int], rows: Sequence[int], columns: Sequence[int]
) -> Convolution:
    """Pick the taps by which one phase of the input reaches output phases `rows` x `columns` of stride · factor."""
    tables, starts, ends = zip(
        *(
            _taps(layer.weight.shape[2 + axis], layer.padding[axis], layer.stride, factor, phase[axis], outputs)
            for axis, outputs in enumerate((rows, columns))
        ),
        strict=True,
    )
    weight = np.pad(layer.weight, ((0, 0), (0, 0), (0, 1), (0, 1)))  # tap -1 is zero
    picked = weight[:, :, tables[0]][..., tables[1]]  # in, out, row, tap, column, tap
    inputs, outputs, *_ = picked.shape
    kernel = (picked.shape[3], picked.shape[5])
    ordered = picked.transpose(2, 4, 1, 0, 3, 5).reshape(len(rows) * len(columns) * outputs, inputs, *kernel)
    bias = np.tile(layer.bias, len(rows) * len(columns))
    return Convolution(np.ascontiguousarray(ordered), bias, (*starts, *ends))


def _taps(
    kernel: int, padding: int, stride: int, factor: int, phase: int, outputs: Sequence[int]
) -> tuple[npt.NDArray[np.int64], int, int]:
    """Return taps `[output, offset]` between an input phase and output phases, and offsets before and after 0.

    Output n·stride·factor + a sees input (n + d)·factor + phase through tap a + padding - stride·(phase + factor·d).
    Where there is none, the table has -1.
    """

    def tap(output: int, offset: int) -> int:
        found = output + padding - stride * (phase + factor * offset)
        return found if 0 <= found < kernel else -1

    offsets = [d for d in range(-kernel - 1, kernel + 2) if d == 0 or any(tap(a, d) >= 0 for a in outputs)]
    table = [[tap(a, d) for d in range(offsets[0], offsets[-1] + 1)] for a in outputs]
    return np.array(table), -offsets[0], offsets[-1]
