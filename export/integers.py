"""The integer half of a hyper-prior model: its hyper-synthesis, its context model, and its rate points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from licrt.export.quantise import thresholds
from licrt.runtime import context, integer
from licrt.runtime.context import ContextModel, Group, Rates
from licrt.runtime.errors import ModelError
from licrt.runtime.integer import Layer, Network
from licrt.trainer.integers.fixed_point import fixed_point, with_headroom
from licrt.trainer.integers.ranges import path_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from licrt.export.float_model import Float, FloatModel, HyperPrior, RateGrid
    from licrt.trainer.integers.fixed_point import FixedGroup, FixedPoint
    from licrt.trainer.integers.quantise import FixedLayer, Int, Widths
    from licrt.trainer.integers.ranges import Ranges
    from licrt.trainer.models.context import ContextGroup

    Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Integers:
    """Everything integer that stands between the tables and the latent.

    Attributes:
        network: hyper-synthesis; gives features where there is a context model.
        context: None for models whose hyper-synthesis gives scales and means at once.
        rates: None for models with one rate.
        mean_fraction: fraction bits of means and latents.
    """

    network: Network
    context: ContextModel | None
    rates: Rates | None
    mean_fraction: int


def quantise(model: FloatModel, ranges: Ranges, widths: Widths) -> Integers:
    """Build the integers of a hyper-prior model from calibrated ranges, proved.

    Raises:
        ModelError: the model cannot be represented in these widths.
    """
    if model.hyper is None:
        raise ModelError("a factorised model has no network to quantise")
    ranges = with_headroom(ranges) if model.hyper.groups else ranges
    return assemble(model, fixed_point(model.entropy_path(), ranges, widths))


def as_trained(model: FloatModel) -> Integers:
    """Build the integers that a model was trained with, proved.

    Raises:
        ModelError: it was not trained in integers, or its ranges are not its own.
    """
    if model.trained_integers is None:
        raise ModelError("the model was not trained in integers")
    path, stored = model.entropy_path(), model.trained_integers
    return assemble(model, fixed_point(path, stored.ranges(path_steps(path)), stored.widths))


def assemble(model: FloatModel, fixed: FixedPoint) -> Integers:
    """Add thresholds and rate points to layers in integers, and prove all of it.

    Raises:
        ModelError: a proof fails.
    """
    hyper = model.hyper
    if hyper is None:
        raise ModelError("a factorised model has no network to quantise")
    rates = rate_points(hyper.rates, fixed.mean_fraction) if hyper.rates else None
    bits, layers = fixed.widths.activation_bits, _layers(fixed.hyper)
    if not hyper.groups:
        limits = _thresholds(hyper, fixed.hyper[-1], model.latent_channels)
        network = Network(bits, fixed.input_shift, fixed.input_offset, layers, model.latent_channels, limits)
        integer.prove(network)
        return Integers(network, None, rates, fixed.mean_fraction)
    network = _feature_network(bits, fixed.input_shift, fixed.input_offset, layers)
    context_model = ContextModel(
        feature_channels=network.mean_channels,
        bits=bits,
        mean_fraction=fixed.mean_fraction,
        latent_shift=(fixed.mean_fraction - fixed.latent_fraction).astype(np.uint8),
        rates=rates,
        groups=tuple(_group(hyper, *each, bits) for each in zip(hyper.groups, fixed.groups, strict=True)),
    )
    integer.prove(network)
    context.prove(context_model)
    return Integers(network, context_model, rates, fixed.mean_fraction)


def rate_points(grid: RateGrid, mean_fraction: int) -> Rates:
    """Turn gains and reconstruction offsets into the integers of docs/integer-net.md, section 8."""
    shift = np.minimum(np.floor(np.log2((2.0**30 - 1) * grid.gains)).astype(np.int64) - mean_fraction, 24)
    unit = np.ldexp(1 / grid.gains, shift + mean_fraction)
    return Rates(
        multiplier=np.rint(unit).astype(np.int64),
        shift=shift.astype(np.uint8),
        offset=np.rint(grid.offsets * unit[:, None]).astype(np.int64),
    )


def _group(hyper: HyperPrior, group: ContextGroup, fixed: FixedGroup, bits: int) -> Group:
    network = None
    if fixed.channel:
        reads = len(fixed.channel[0].read)
        network = _feature_network(bits, 0, np.zeros(reads, np.int32), _layers(fixed.channel))
    return Group(
        channels=group.channels,
        order=group.order,
        sources=tuple(group.sources),
        channel_network=network,
        spatial=fixed.spatial.layer if fixed.spatial else None,
        spatial_bias=fixed.spatial_bias,
        parameters=_layers(fixed.parameters),
        thresholds=_thresholds(hyper, fixed.parameters[-1], group.channels, logarithmic=group.logarithmic_scales),
    )


def _layers(fixed: Sequence[FixedLayer]) -> tuple[Layer, ...]:
    return tuple(each.layer for each in fixed)


def _feature_network(bits: int, shift: int, offset: Array, layers: tuple[Layer, ...]) -> Network:
    return Network(bits, shift, offset, layers, 0, np.zeros((1, 0, 0), np.int32))


def _thresholds(hyper: HyperPrior, last: FixedLayer, index_channels: int, *, logarithmic: bool = False) -> Array:
    gains: Float = hyper.rates.gains if hyper.rates else np.ones(1)
    exponent: Int = last.exponent[:index_channels]
    bits = last.layer.accumulator_bits
    return thresholds(hyper.scale_table, gains, exponent, bits, logarithmic=logarithmic)
