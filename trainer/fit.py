"""Whether a state dict belongs to an architecture, and if not, what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from licrt.runtime.errors import ModelError
from licrt.trainer.entropy_models import GaussianConditional
from licrt.trainer.entropy_models.base import EntropyModel

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from licrt.trainer.models import CompressionModel


def misfits(architecture: type[CompressionModel], state_dict: Mapping[str, Tensor]) -> list[str]:
    """Tell what keeps a state dict from being one of an architecture, one line each; nothing if it fits.

    >>> from licrt.trainer.models import BLS2017
    >>> state_dict = BLS2017(4, 6).state_dict()
    >>> state_dict["g_a.4.bias"] = torch.zeros(5)
    >>> misfits(BLS2017, state_dict)
    ['g_a.4.bias has shape [5], expected [6]']
    """
    try:
        with torch.device("meta"):  # shapes only: there are many architectures to try
            model = architecture.for_state_dict(state_dict)
    except (KeyError, IndexError, ValueError, RuntimeError, ModelError):
        # Every key counts, so that such an architecture is not taken for the nearest.
        return [f"no {architecture.arch} analysis under g_a", *(f"{key} does not belong there" for key in state_dict)]
    expected = model.state_dict()
    sizeless = {
        f"{name}.{buffer}"
        for name, module in model.named_modules()
        if isinstance(module, EntropyModel)
        for buffer in module.resizable
    }
    lines = misfits_of_keys(expected, state_dict, sizeless)
    return lines or list(_all_table_misfits(architecture.from_state_dict(state_dict)))


def misfits_of_keys(
    expected: Mapping[str, Tensor], state_dict: Mapping[str, Tensor], sizeless: Collection[str]
) -> list[str]:
    """Tell what keeps a state dict from being loaded, one line each: keys, shapes, kinds of numbers.

    Args:
        expected: the state dict of the model as it is.
        state_dict: the one to load.
        sizeless: keys whose shape may differ.
    """
    lines = [f"{key} is missing" for key in expected if key not in state_dict]
    lines += [f"{key} does not belong there" for key in state_dict if key not in expected]
    for key, value in expected.items():
        if key in state_dict:
            lines += _value_misfits(key, state_dict[key], value, any_shape=key in sizeless)
    return lines


def _all_table_misfits(model: CompressionModel) -> Iterator[str]:
    first: tuple[str, GaussianConditional] | None = None
    for name, module in model.named_modules():
        if isinstance(module, EntropyModel):
            yield from _table_misfits(name, module)
        if isinstance(module, GaussianConditional):
            first = first or (name, module)
            if not all(torch.equal(getattr(module, key), getattr(first[1], key)) for key in module.resizable):
                yield f"{name} has other tables than {first[0]}"


def _value_misfits(key: str, value: Tensor, expected: Tensor, *, any_shape: bool) -> Iterator[str]:
    if not any_shape and value.shape != expected.shape:
        yield f"{key} has shape {list(value.shape)}, expected {list(expected.shape)}"
    if value.is_floating_point() != expected.is_floating_point() or value.is_complex():
        yield f"{key} is {value.dtype}, expected {expected.dtype}"
    elif value.is_floating_point() and not torch.isfinite(value).all():
        yield f"{key} has values that are not finite"


def _table_misfits(name: str, model: EntropyModel) -> Iterator[str]:
    """What breaks the rules of the coder's tables, after the state dict was loaded into the model."""
    if not model.has_tables:
        if any(getattr(model, buffer).numel() for buffer in model.resizable):
            yield f"{name} has a part of its CDF tables only"
        return
    count = model.table_count
    cdf, lengths, offsets = model.tables()
    if cdf.ndim != 2 or cdf.shape[0] != count or lengths.shape != (count,) or offsets.shape != (count,):
        shapes = [list(array.shape) for array in (cdf, lengths, offsets)]
        yield f"{name} has CDF tables, lengths and offsets of shapes {shapes}, expected {count} tables"
        return
    if isinstance(model, GaussianConditional):
        scales = model.scale_table.numpy()
        if scales.ndim != 1 or not np.all(np.diff(scales, prepend=0) > 0):
            yield f"{name}.scale_table does not increase from above zero"
    yield from faults_of_tables(name, cdf, lengths, offsets)


def faults_of_tables(
    name: str, cdf: NDArray[np.int32], lengths: NDArray[np.int32], offsets: NDArray[np.int32]
) -> Iterator[str]:
    """Tell what breaks the rules of the coder's tables, one line each.

    Args:
        name: of the entropy model that has them.
        cdf: `[tables, longest]`.
        lengths, offsets: `[tables]`.
    """
    count = len(offsets)
    if cdf.ndim != 2 or lengths.shape != (count,) or offsets.shape != (count,) or len(cdf) != count:
        shapes = [list(array.shape) for array in (cdf, lengths, offsets)]
        yield f"{name} has CDF tables, lengths and offsets of shapes {shapes}, expected as many of each"
        return
    column = np.arange(cdf.shape[1])
    good = (lengths >= 3) & (lengths <= cdf.shape[1])
    good &= (cdf[:, 0] == 0) & (cdf[np.arange(count), np.clip(lengths, 1, cdf.shape[1]) - 1] == 1 << 16)
    good &= np.all((np.diff(cdf, axis=1) > 0) | (column[1:] >= lengths[:, None]), axis=1)
    if not good.all():
        yield f"{name}._quantized_cdf[{np.argmin(good)}] is not a CDF that rises from 0 to 65536"
    if np.abs(offsets.astype(np.int64)).max() > 1 << 20:
        yield f"{name}._offset has values beyond 2^20, which bundles cannot hold"
