"""Integer networks and context models to a manifest's numbers and a bundle's tensors (docs/bitstream.md, section 5).

The other direction is `licrt.runtime.description`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from licrt.runtime.context import ContextModel, Group, Rates
    from licrt.runtime.integer import Layer, Network

Arrays = dict[str, npt.NDArray[np.generic]]
Described = tuple[dict[str, Any], Arrays]


def describe_network(network: Network, prefix: str) -> Described:
    """Split a network into its manifest entry and the tensors named `prefix.…`."""
    layers, arrays = _layers(network.layers, prefix)
    arrays[f"{prefix}.input_offset"] = network.input_offset
    if network.index_channels:
        arrays |= _thresholds(network.thresholds, prefix)
    numbers = {name: getattr(network, name) for name in ("input_bits", "input_shift", "index_channels")}
    return {**numbers, "layers": layers}, arrays


def describe_context(model: ContextModel) -> Described:
    """Split a context model into its manifest entry and the tensors named `context.…`, without its rates."""
    arrays: Arrays = {"context.latent_shift": model.latent_shift}
    groups = []
    for number, group in enumerate(model.groups):
        entry, of_group = _group(group, f"context.{number}")
        groups.append(entry)
        arrays |= of_group
    return {"feature_channels": model.feature_channels, "bits": model.bits, "groups": groups}, arrays


def describe_rates(rates: Rates) -> Described:
    """Split rate points into their manifest entry and the tensors named `rates.…`."""
    arrays: Arrays = {f"rates.{name}": getattr(rates, name) for name in ("multiplier", "shift", "offset")}
    return {"rate_points": len(rates.multiplier)}, arrays


def _group(group: Group, prefix: str) -> Described:
    parameters, arrays = _layers(group.parameters, f"{prefix}.parameters")
    arrays |= _thresholds(group.thresholds, prefix)
    entry: dict[str, Any] = {
        "channels": group.channels,
        "order": group.order,
        "sources": list(group.sources),
        "parameters": parameters,
    }
    if group.channel_network:
        layers, of_network = _layers(group.channel_network.layers, f"{prefix}.channel")
        entry["channel_network"] = {"layers": layers}
        arrays |= of_network
    if group.spatial:
        entry["spatial"], of_layer = _layer(group.spatial, f"{prefix}.spatial")
        arrays |= of_layer
    if group.spatial_bias is not None:
        arrays[f"{prefix}.spatial.bias_sets"] = np.ascontiguousarray(group.spatial_bias)
    return entry, arrays


def _layers(layers: Iterable[Layer], prefix: str) -> tuple[list[dict[str, Any]], Arrays]:
    entries, arrays = [], Arrays()
    for number, layer in enumerate(layers):
        entry, of_layer = _layer(layer, f"{prefix}.{number}")
        entries.append(entry)
        arrays |= of_layer
    return entries, arrays


def _layer(layer: Layer, prefix: str) -> Described:
    fields = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}
    arrays: Arrays = {
        f"{prefix}.{name}": np.ascontiguousarray(fields.pop(name)) for name in ("weight", "bias", "shift")
    }
    if fields["upscale"] == 1:
        del fields["upscale"]
    return fields, arrays


def _thresholds(thresholds: npt.NDArray[np.signedinteger], prefix: str) -> Arrays:
    """Store each row once: those of different channels differ in a power of two alone, so few are different."""
    if len(thresholds) == 1:
        return {f"{prefix}.thresholds": np.ascontiguousarray(thresholds[0])}
    rows, row_of = np.unique(thresholds, axis=1, return_inverse=True)
    return {
        f"{prefix}.thresholds": np.ascontiguousarray(rows),
        f"{prefix}.threshold_rows": row_of.astype(np.int32).ravel(),
    }
