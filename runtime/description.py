"""Integer networks and context models from a manifest's numbers and a bundle's tensors (docs/bitstream.md, section 5).

The other direction is `licrt.export.describe`. What comes out is proved; what contradicts itself is a `ModelError`, and
no array grows beyond a limit that was checked before.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from licrt.runtime import context
from licrt.runtime.context import ContextModel, Group, Rates, prove_rates
from licrt.runtime.errors import ModelError, first_line
from licrt.runtime.expect import expect, expect_in
from licrt.runtime.integer import MAX_CHANNELS, MAX_RATE_POINTS, MAX_THRESHOLDS, Layer, Network, prove
from licrt.runtime.tensors import Tensors, tensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_THRESHOLD_NUMBERS = 1 << 24  # of all rate points, channels and tables, before repeated rows are left out

Description = dict[str, Any]
Thresholds = npt.NDArray[np.int32] | npt.NDArray[np.int64]


def network_from(description: Mapping[str, Any], tensors: Tensors, prefix: str) -> Network:
    """Build an integer network from its manifest entry and the tensors named `prefix.…`, and prove it.

    Raises:
        ModelError: something is missing or of the wrong kind, or the overflow proof fails.
    """
    with _damage(prefix):
        layers = _layers(description["layers"], tensors, prefix)
        index_channels = description["index_channels"]
        expect_in(f"{prefix}: index_channels", index_channels, 0, MAX_CHANNELS)
        network = Network(
            input_bits=description["input_bits"],
            input_shift=description["input_shift"],
            input_offset=tensor(tensors, f"{prefix}.input_offset", np.int32),
            layers=layers,
            index_channels=index_channels,
            thresholds=_thresholds(tensors, prefix, index_channels) if index_channels else _no_thresholds(layers),
        )
        prove(network)
        return network


def context_from(
    description: Mapping[str, Any], tensors: Tensors, latent_channels: int, mean_fraction: int, rates: Rates | None
) -> ContextModel:
    """Build a context model from its manifest entry and the tensors named `context.…`, and prove it.

    Args:
        description: the manifest's entry.
        tensors: all tensors of the bundle.
        latent_channels, mean_fraction: of the bundle.
        rates: of the bundle; None for a model of a single rate.

    Raises:
        ModelError: something is missing or of the wrong kind, or the overflow proof fails.
    """
    with _damage("context"):
        bits, entries = description["bits"], description["groups"]
        expect_in("context: bits", bits, 2, 16)
        expect(type(entries) is list, "context: groups is no list")
        channels = [entry["channels"] for entry in entries]
        for number, count in enumerate(channels):
            expect_in(f"context.{number}: channels", count, 1, latent_channels)
        expect(sum(channels) == latent_channels, "context: the groups do not share the channels of the latent out")
        model = ContextModel(
            feature_channels=description["feature_channels"],
            bits=bits,
            mean_fraction=mean_fraction,
            latent_shift=tensor(tensors, "context.latent_shift", np.uint8),
            rates=rates,
            groups=tuple(_group(entry, tensors, number, channels, bits) for number, entry in enumerate(entries)),
        )
        context.prove(model)
        return model


def rates_from(description: Mapping[str, Any], tensors: Tensors, table_count: int) -> Rates:
    """Build the rate points of a bundle with so many Gaussian tables.

    Raises:
        ModelError: something is missing or of the wrong kind.
    """
    with _damage("rates"):
        rates = Rates(
            multiplier=tensor(tensors, "rates.multiplier", np.int64),
            shift=tensor(tensors, "rates.shift", np.uint8),
            offset=tensor(tensors, "rates.offset", np.int64),
        )
        prove_rates(rates, description["rate_points"], table_count)
        return rates


def _group(entry: Mapping[str, Any], tensors: Tensors, number: int, channels: list[int], bits: int) -> Group:
    prefix = f"context.{number}"
    sources, network, spatial, biases = entry["sources"], None, None, None
    expect(type(sources) is list, f"{prefix}: sources is no list")
    for source in sources:
        expect_in(f"{prefix}: source", source, 0, number - 1)
    if "channel_network" in entry:
        read = sum(channels[source] for source in sources)
        expect_in(f"{prefix}: channels of its sources", read, 1, MAX_CHANNELS)
        layers = _layers(entry["channel_network"]["layers"], tensors, f"{prefix}.channel")
        network = Network(bits, 0, np.zeros(read, np.int32), layers, 0, _no_thresholds(layers))
    if "spatial" in entry:
        spatial = _layer(entry["spatial"], tensors, f"{prefix}.spatial")
        if f"{prefix}.spatial.bias_sets" in tensors:
            biases = tensor(tensors, f"{prefix}.spatial.bias_sets", np.int32)
    return Group(
        channels=channels[number],
        order=entry["order"],
        sources=tuple(sources),
        channel_network=network,
        spatial=spatial,
        spatial_bias=biases,
        parameters=_layers(entry["parameters"], tensors, f"{prefix}.parameters"),
        thresholds=_thresholds(tensors, prefix, channels[number]),  # type: ignore[arg-type]
    )


def _layers(entries: Any, tensors: Tensors, prefix: str) -> tuple[Layer, ...]:
    expect(type(entries) is list and bool(entries), f"{prefix}: layers is no list of layers")
    return tuple(_layer(entry, tensors, f"{prefix}.{number}") for number, entry in enumerate(entries))


def _layer(entry: Mapping[str, Any], tensors: Tensors, prefix: str) -> Layer:
    return Layer(
        weight=tensor(tensors, f"{prefix}.weight", np.int8, np.int16),
        bias=tensor(tensors, f"{prefix}.bias", np.int32),
        shift=tensor(tensors, f"{prefix}.shift", np.uint8),
        **entry,
    )


def _thresholds(tensors: Tensors, prefix: str, index_channels: int) -> Thresholds:
    """Return thresholds `[rate_points, index_channels, count]`, whose repeated rows the bundle may leave out."""
    stored: Thresholds = tensor(tensors, f"{prefix}.thresholds", np.int32, np.int64)
    if stored.ndim == 2:
        return stored[None]
    expect(stored.ndim == 3, f"{prefix}.thresholds has {stored.ndim} axes, expected 2, or 3 with rate points")
    points, rows, count = stored.shape
    expect_in(f"{prefix}: rate points", points, 1, MAX_RATE_POINTS)
    expect_in(f"{prefix}: thresholds per channel", count, 1, MAX_THRESHOLDS)
    expect(
        points * index_channels * count <= MAX_THRESHOLD_NUMBERS,
        f"{prefix}: {points} x {index_channels} x {count} thresholds are more than 2^24",
    )
    row_of = tensor(tensors, f"{prefix}.threshold_rows", np.int32)
    expect(row_of.shape == (index_channels,), f"{prefix}.threshold_rows has shape {row_of.shape}")
    expect(row_of.min() >= 0 and row_of.max() < rows, f"{prefix}.threshold_rows names rows that are not there")
    return stored[:, row_of]


def _no_thresholds(layers: tuple[Layer, ...]) -> Thresholds:
    return np.zeros((1, 0, 0), np.int64 if layers[-1].accumulator_bits == 64 else np.int32)


@contextmanager
def _damage(what: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ModelError(f"{what} is damaged near {first_line(error)}; export or install the model again") from error
