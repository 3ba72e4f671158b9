"""The integer tables of entropy models, by the names of CompressAI's attributes, whatever class has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from licrt.runtime.errors import ModelError, first_line
from licrt.trainer.entropy_models.gaussian import default_scale_table
from licrt.trainer.fit import faults_of_tables

Int = npt.NDArray[np.int32]
Float = npt.NDArray[np.float64]

_BUFFERS = ("_quantized_cdf", "_cdf_length", "_offset")


@dataclass(frozen=True)
class Tables:
    """Frequency tables as CompressAI's buffers: cdf `[tables, longest]`, lengths and offsets `[tables]`, int32."""

    cdf: Int
    lengths: Int
    offsets: Int


def fill_tables(name: str, model: nn.Module, *, force: bool = False) -> None:
    """Have an entropy model compute its tables; those that are there stay unless `force`.

    Args:
        name: of the entropy model, for messages.
        model: CompressAI's, licrt's or alike.

    Raises:
        ModelError: it has no such tables, or its `update()` fails.
    """
    tensors = [getattr(model, buffer, None) for buffer in _BUFFERS]
    if not all(isinstance(tensor, Tensor) for tensor in tensors):
        raise ModelError(
            f"{name}: {type(model).__name__} has no {', '.join(_BUFFERS)}; expected an entropy model of CompressAI or "
            "licrt.trainer, or one with the same attributes"
        )
    if all(tensor.numel() for tensor in tensors if tensor is not None) and not force:
        return
    try:
        if hasattr(model, "update_scale_table"):  # CompressAI's conditional, which may lack its scales too
            scales = model.scale_table
            model.update_scale_table(scales if scales.numel() else default_scale_table(), force=True)
        else:
            model.update(force=True)
    except Exception as error:  # whatever its own code raises
        raise ModelError(f"{name} has no CDF tables, and its update() fails: {first_line(error)}") from error


def tables_of(name: str, model: nn.Module) -> Tables:
    """Return the tables of an entropy model.

    Raises:
        ModelError: they break the rules of the coder.
    """
    tables = Tables(*(getattr(model, buffer).detach().cpu().numpy().astype(np.int32) for buffer in _BUFFERS))
    for fault in faults_of_tables(name, tables.cdf, tables.lengths, tables.offsets):
        raise ModelError(f"{fault}; call its update(force=True)")
    return tables


def medians_of(bottleneck: nn.Module) -> Float:
    """Return the medians of an entropy bottleneck, float64 `[channels]`.

    Raises:
        ModelError: there is not one for each table.
    """
    quantiles = getattr(bottleneck, "quantiles", None)
    count = len(bottleneck._offset)  # type: ignore[arg-type]
    if not isinstance(quantiles, Tensor) or quantiles.shape != (count, 1, 3):
        found = list(quantiles.shape) if isinstance(quantiles, Tensor) else "none"
        raise ModelError(
            f"entropy_bottleneck: expected quantiles [{count}, 1, 3], one row for each table, found {found}"
        )
    medians: Float = quantiles.detach().cpu().double().numpy()[:, 0, 1]
    return medians


def scales_of(conditional: nn.Module) -> Float:
    """Return the scales that a Gaussian conditional has tables for, float64 `[tables]`.

    Raises:
        ModelError: they do not ascend from above zero, one for each table.
    """
    table = getattr(conditional, "scale_table", None)
    count = len(conditional._offset)  # type: ignore[arg-type]
    if not isinstance(table, Tensor) or table.shape != (count,):
        raise ModelError(f"gaussian_conditional: expected a scale_table [{count}], one scale for each table")
    scales: Float = table.detach().cpu().double().numpy()
    if not np.all(np.diff(scales, prepend=0) > 0):
        raise ModelError("gaussian_conditional: scale_table does not increase from above zero")
    return scales
