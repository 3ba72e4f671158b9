"""Context models and rate points in plain numpy int64: slow, short, and written from docs/integer-net.md alone.

Sections 7 and 8. Like :mod:`licrt.export.integer_reference`, it is what the native engine is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from licrt.export.integer_reference import activate, reached, requantise, run, saturate

if TYPE_CHECKING:
    from licrt.runtime.context import ContextModel, Group, Rates
    from licrt.runtime.integer import Layer

Int = npt.NDArray[np.int64]
NextSymbols = Callable[[Int], npt.NDArray[np.signedinteger]]
# From a pass's place in the latent (channels, rows, columns), indexes and means `[channels, positions]` to its symbols.
_Place = tuple[slice, Int, Int]
_Code = Callable[[_Place, Int, Int], Int]

MAX_SYMBOL = 1 << 15


def encode(
    model: ContextModel, features: npt.NDArray[np.int32], latent: npt.NDArray[np.float32], point: int = 0
) -> tuple[Int, Int, Int]:
    """Quantise a latent as it is predicted.

    Args:
        model: a proved model.
        features: int `[F, height, width]`.
        latent: float32 `[M, height, width]`.
        point: rate point.

    Returns:
        Symbols and table indexes in coding order, `[M * height * width]` each, and `y_hat` `[M, height, width]`.
    """
    coded: list[tuple[Int, Int]] = []

    def code(place: _Place, indexes: Int, means: Int) -> Int:
        symbols = quantise(latent[place], means, model.rates, model.mean_fraction, point)
        coded.append((symbols.T.ravel(), indexes.T.ravel()))
        return symbols

    y_hat = _passes(model, features, point, code)
    symbols, indexes = (np.concatenate(parts) for parts in zip(*coded, strict=True))
    return symbols, indexes, y_hat


def decode(model: ContextModel, features: npt.NDArray[np.int32], next_symbols: NextSymbols, point: int = 0) -> Int:
    """Turn symbols back into a latent.

    Args:
        model: a proved model.
        features: int `[F, height, width]`.
        next_symbols: from the table indexes of the next symbols, in coding order, to these symbols.
        point: rate point.

    Returns:
        `y_hat`, int64 `[M, height, width]`.
    """

    def code(_place: _Place, indexes: Int, _means: Int) -> Int:
        symbols: Int = next_symbols(indexes.T.ravel()).reshape(indexes.T.shape).T.astype(np.int64)
        return symbols

    return _passes(model, features, point, code)


def quantise(latent: npt.NDArray[np.float32], means: Int, rates: Rates | None, fraction: int, point: int) -> Int:
    """Return round((y - mean) * gain), in float32 as the native engine does, limited to what a stream may hold."""
    residual = latent - np.ldexp(means.astype(np.float32), -fraction)
    if rates is not None:
        residual = residual * np.float32(np.ldexp(1.0 / rates.multiplier[point], int(rates.shift[point]) + fraction))
    symbols: Int = np.clip(np.rint(residual), -MAX_SYMBOL, MAX_SYMBOL).astype(np.int64)
    return symbols


def dequantise(symbols: Int, indexes: Int, means: Int, rates: Rates | None, fraction: int, point: int) -> Int:
    """Turn symbols into latents (sections 5 and 8); all arrays have one shape."""
    if rates is None:
        return (symbols << fraction) + means
    shift = int(rates.shift[point])
    scaled = np.abs(symbols) * int(rates.multiplier[point]) + rates.offset[point][indexes] + (1 << shift - 1)
    values: Int = means + np.sign(symbols) * np.clip(scaled >> shift, 0, (1 << 23) - 1)
    return values


def _passes(model: ContextModel, features: npt.NDArray[np.int32], point: int, code: _Code) -> Int:
    """Visit every position of every group in coding order; `code` gives the symbols of a pass."""
    _, height, width = features.shape
    y_hat = np.zeros((model.latent_channels, height, width), np.int64)
    seen = np.zeros_like(y_hat)  # c of section 7: what networks see of the latents decoded so far
    shifts = model.latent_shift.astype(np.int64)
    ends = np.cumsum([group.channels for group in model.groups])
    slices = [slice(int(end) - group.channels, int(end)) for group, end in zip(model.groups, ends, strict=True)]
    hyper = saturate(features.astype(np.int64), model.bits)
    for group, channels in zip(model.groups, slices, strict=True):
        known = np.concatenate([hyper, _channel_features(group, seen, slices)])
        for number, (rows, columns) in enumerate(_positions(group.order, height, width)):
            read = known[:, rows, columns]
            if group.spatial is not None:
                spatial = _spatial_features(group, group.spatial, seen[channels], rows, columns, point)
                silent = group.order == "checkerboard" and number == 0
                read = np.concatenate([read, np.zeros_like(spatial) if silent else spatial])
            indexes, means = _parameters(group, read, point)
            symbols = code((channels, rows, columns), indexes, means)
            decoded = dequantise(symbols, indexes, means, model.rates, model.mean_fraction, point)
            y_hat[channels, rows, columns] = decoded
            shift = shifts[channels, None]
            seen[channels, rows, columns] = saturate((decoded + ((1 << shift) >> 1)) >> shift, model.bits)
    return y_hat


def _positions(order: str, height: int, width: int) -> Iterator[tuple[Int, Int]]:
    """Yield rows and columns of each pass, by row, then column."""
    rows, columns = (grid.ravel() for grid in np.mgrid[:height, :width])
    if order == "whole":
        number = np.zeros_like(rows)
    elif order == "checkerboard":
        number = (rows + columns) % 2
    else:
        number = columns + 3 * rows
    for current in np.unique(number):
        yield rows[number == current], columns[number == current]


def _channel_features(group: Group, seen: Int, slices: list[slice]) -> Int:
    if group.channel_network is None:
        return np.zeros((0, *seen.shape[1:]), np.int64)
    source = np.concatenate([seen[slices[number]] for number in group.sources])
    return run(group.channel_network, source.astype(np.int32), *seen.shape[1:])[1]


def _spatial_features(group: Group, layer: Layer, seen: Int, rows: Int, columns: Int, point: int) -> Int:
    reach = layer.padding
    padded = np.pad(seen, ((0, 0), (reach, reach), (reach, reach)))
    bias = layer.bias if group.spatial_bias is None else group.spatial_bias[point]
    total = np.zeros((layer.weight.shape[0], len(rows)), np.int64) + bias.astype(np.int64)[:, None]
    for ky in range(2 * reach + 1):
        for kx in range(2 * reach + 1):
            total += layer.weight[:, :, ky, kx].astype(np.int64) @ padded[:, rows + ky, columns + kx]
    return requantise(total, layer)


def _parameters(group: Group, value: Int, point: int) -> tuple[Int, Int]:
    """Return indexes and means `[channels, positions]` from features `[F + C + S, positions]`."""
    total = value
    for number, layer in enumerate(group.parameters):
        total = layer.weight[:, :, 0, 0].astype(np.int64) @ value + layer.bias.astype(np.int64)[:, None]
        if number + 1 < len(group.parameters):
            value = activate(requantise(total, layer), layer.activation)
    indexes = reached(total[: group.channels], group.thresholds[point])
    means = requantise(total, group.parameters[-1])[group.channels :]
    return indexes, means if len(means) else np.zeros_like(indexes)
